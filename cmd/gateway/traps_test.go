package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tenant is the least that a configuration needs.
const tenant = "tenants: {acme: {url: 'https://acme.eu.qlikcloud.com', api_key: env:KEY}}\n"

func TestYAMLTrapsGetAnAnswer(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "gateway.yaml:1:1: the file is empty; expected keys and values such as tenants, sources and rules"},
		{"only a comment", "# nothing\n", "gateway.yaml:1:1: the file is empty"},
		{"null", "~", "gateway.yaml:1:1: the file is empty"},
		{"a list", "- a", "gateway.yaml:1:1: expected keys and values such as tenants, sources and rules, got a list"},
		{"a word", "hello", "gateway.yaml:1:1: expected keys and values such as tenants, sources and rules, got text"},
		{"tab", tenant + "http:\n\taddr: ':80'", "gateway.yaml:3:1: a tab indents this line; YAML is indented with spaces"},
		{"unclosed", "tenants: {acme: {url: x", "gateway.yaml:1:1: did not find expected ',' or '}'"},
		{"colon", "http: a: b", "gateway.yaml:1:1: mapping values are not allowed in this context"},
		{"second document", tenant + "---\nhttp: {}\n", "gateway.yaml:2:1: a second document begins here; expected one per file"},
		{"broken second document", tenant + "---\n{", "gateway.yaml:3:1: did not find expected node content"},
		{"duplicate key", tenant + "http: {addr: ':1', addr: ':2'}", `gateway.yaml:2:20: http.addr: the key "addr" is there twice; the first is on line 2`},
		{"alias inside itself", tenant + "rules: &r [*r]", "gateway.yaml:2:12: rules[0][0]: the alias *r is inside what it stands for"},
		{"unknown alias", tenant + "rules: *nobody", "gateway.yaml:2:1: unknown anchor 'nobody' referenced"},
		{"merge", tenant + "http: {<<: {addr: ':1'}}", "gateway.yaml:2:8: http.<<: << is not supported; write the keys out"},
		{"tag", tenant + "http: !secret {addr: ':1'}", "gateway.yaml:2:7: http: the tag !secret is not supported"},
		{"tagged text", tenant + "http: {addr: !vault x}", "gateway.yaml:2:14: http.addr: the tag !vault is not supported"},
		{"binary", tenant + "http: {addr: !!binary x}", "gateway.yaml:2:14: http.addr: the tag !!binary is not supported"},
		{"key that is a list", tenant + "[a]: b", "gateway.yaml:2:1: expected a name before the colon"},
		{"key that is nothing", tenant + "http: {~: b}", "gateway.yaml:2:8: http: expected a name before the colon"},
		{"infinite", tenant + "http: {addr: .inf}", `gateway.yaml:2:14: http.addr: ".inf" is not a number`},
		{"deep", tenant + "x: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested more than 50 deep"},
		{"bomb", bomb, "too much in one file: more than 100000 values, aliases followed"},
		{"huge", tenant + "# " + strings.Repeat("x", maxFile), "gateway.yaml: the file has 1048652 bytes; expected at most 1048576"},
		{"not text", "\x00\x01", "gateway.yaml:1:1: control characters are not allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, problems := parseConfig("gateway.yaml", []byte(test.text), environment)
			if got := lines(problems); c != nil || !strings.Contains(got, test.want) {
				t.Errorf("config %v, got:\n%.2000s\nwant:\n%s", c, got, test.want)
			}
		})
	}
}

func TestYAMLThatIsFineIsTaken(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"byte order mark":   "\ufeff" + tenant,
		"document start":    "---\n" + tenant + "...\n",
		"windows line ends": strings.ReplaceAll(tenant+"http: {}\n", "\n", "\r\n"),
		"JSON":              `{"tenants": {"acme": {"url": "https://acme.eu.qlikcloud.com", "api_key": "env:KEY"}}}`,
		"alias":             tenant + "apps: {a: {id: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, publish: &p {space: s}}, b: {id: 3f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, publish: *p}}",
		"key named on":      tenant + "sources: {s: {verify: none}}\nrules: [{name: r, on: s, app: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, do: [reload]}]",
		"leading zero":      tenant + "sources: {s: {verify: none}}\nrules: [{name: r, on: s, app: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, do: [{reload: {variables: {A: 0123, B: 2026-01-01, C: yes}}}]}]",
	} {
		c, problems := parseConfig("gateway.yaml", []byte(text), environment)
		if c == nil {
			t.Errorf("%s:\n%s", name, lines(problems))
		}
	}
}

func TestFilesThatCannotBeReadAreAProblemOfTheirName(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, path := range []string{filepath.Join(folder, "none.yaml"), folder} {
		c, problems := loadConfig(path)
		if c != nil || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), path+": read configuration: ") {
			t.Errorf("%s: %s", path, lines(problems))
		}
	}
	if _, problems := loadConfig(filepath.Join(folder, "none.yaml")); !strings.Contains(lines(problems), "--config names another") {
		t.Error(lines(problems))
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, name := range []string{"good.yaml", "mistakes.yaml"} {
		f.Add(read(f, filepath.Join("testdata", name)))
	}
	for _, seed := range []string{"", tenant, "a: &a [*a]", "? [a]: b", "x: !!int 0x", "tenants: !!float 1e999", "- - -", "{\"a\":", "a: 'b", "\ufeffa: b"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), fromFile) {
			return
		}
		c, problems := parseConfig("gateway.yaml", text, environment)
		if (c == nil) != (mistakes(problems) > 0) {
			t.Errorf("config %v with problems:\n%s", c, lines(problems))
		}
		for _, p := range problems {
			if p.Text == "" || p.String() == "" {
				t.Errorf("empty problem %#v", p)
			}
		}
	})
}

func TestSecretsComeFromVariablesFilesOrTheText(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, empty, huge := write("good", "from a file\r\n"), write("empty", "\n"), write("huge", strings.Repeat("x", maxSecretFile+1))
	for _, test := range []struct{ reference, value, problem string }{
		{"env:KEY", "the secret of KEY", ""},
		{"env:NOT_SET", "", "the environment variable NOT_SET is not set"},
		{"env:EMPTY", "", "the environment variable EMPTY is empty"},
		{"env:LINE_END", "of a variable", ""},
		{"env:ONLY_LINE_END", "", "the environment variable ONLY_LINE_END is empty"},
		{"file:" + good, "from a file", ""},
		{"file:" + empty, "", empty + " is empty"},
		{"file:" + huge, "", huge + " is larger than 64 KiB; expected one secret"},
		{"file:" + folder, "", folder + " is not a regular file"},
		{"file:" + filepath.Join(folder, "none"), "", "no such file"},
		{"written out", "written out", ""},
	} {
		s := secret{reference: test.reference}
		err := s.resolve(environment)
		if s.value != test.value || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: value %q, error %v", test.reference, s.value, err)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const hush = "hush-hush-hush-hush"
	text := strings.ReplaceAll(string(read(t, "testdata/good.yaml")), "env:ACME_SECRET", hush)
	text = strings.ReplaceAll(text, "env:DBT_SECRET", hush)
	text = strings.ReplaceAll(text, "env:NATS_ETL", hush)
	c, problems := parseConfig("gateway.yaml", []byte(text), environment)
	if c == nil || len(problems) != 3 {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	s := secret{reference: hush, value: hush}
	list := secrets{s}
	var w written
	if err := decode(parseDocument([]byte(text)).value, &w); err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%d", s); strings.Contains(printed, hush) {
		t.Error("a wrong verb prints a secret")
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{s, &s, list, w, *c, c.Tenants, c.Broker, problems} {
			if printed := fmt.Sprintf(format, value); strings.Contains(printed, hush) || strings.Contains(printed, fmt.Sprintf("%x", hush)) {
				t.Errorf("%s of %T prints a secret", format, value)
			}
		}
	}
	broken := strings.ReplaceAll(text, "secret: ", "secret: [[") + "\nsecret: " + hush
	_, problems = parseConfig("gateway.yaml", []byte(broken), environment)
	if strings.Contains(lines(problems), hush) {
		t.Errorf("a problem prints a secret:\n%s", lines(problems))
	}
}
