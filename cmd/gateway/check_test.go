package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// command runs a command line and returns its exit code and what it printed.
func command(args ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	code = execute(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestCheckSaysByItsExitCodeHowItWent(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "gateway.yaml")
	text := "tenants: {acme: {url: 'https://acme.eu.qlikcloud.com', api_key: literal}}\n"
	if err := os.WriteFile(good, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"check", "--config", good}, 0, good + ": ok: 1 tenant, 0 sources, 0 rules\n"},
		{[]string{"check", "--config", good}, 0, good + ":1:56: warning: tenants.acme.api_key: the secret itself is in this file"},
		{[]string{"check", "-c", "testdata/mistakes.yaml"}, 1, "testdata/mistakes.yaml:39:5: rules[0].when: undeclared reference"},
		{[]string{"check", "--config", "none.yaml"}, 1, "none.yaml: 1 mistake\n"},
		{[]string{"check", "--confg", "x"}, 2, "unknown flag: --confg"},
		{[]string{"check", "x"}, 2, `takes no arguments, and "x" is one`},
		{[]string{"chek"}, 2, `unknown command "chek"`},
		{[]string{"version"}, 0, "gateway "},
		{[]string{"version", "--json"}, 0, `{"version":`},
	} {
		code, out, errOut := command(test.args...)
		if code != test.code || !strings.Contains(out+errOut, test.want) {
			t.Errorf("%v: code %d, out %.300s%.300s", test.args, code, out, errOut)
		}
	}
}

func TestCheckPrintsOneJSONObject(t *testing.T) {
	t.Parallel()
	code, out, _ := command("check", "--json", "--config", "testdata/mistakes.yaml")
	var result checked
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	if code != 1 || result.OK || len(result.Problems) < 30 || result.Problems[0].Line != 1 || result.Problems[0].Path != "htp" {
		t.Errorf("code %d, %+v", code, result)
	}
}

func TestSchemaKnowsTheActionsAndArgumentsThatRulesKnow(t *testing.T) {
	t.Parallel()
	s, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	steps, _ := descend(descend(descend(s.document, "$defs"), "step"), "properties").(map[string]any)
	var words []string
	for _, signature := range rules.Signatures() {
		words = append(words, string(signature.Action))
		arguments, _ := descend(steps[string(signature.Action)], "properties").(map[string]any)
		if got, want := sorted(arguments), slices.Sorted(slices.Values(signature.Takes)); !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %v, rules have %v", signature.Action, got, want)
		}
	}
	if got, want := sorted(steps), slices.Sorted(slices.Values(append(words, "as"))); !slices.Equal(got, want) {
		t.Errorf("the schema has actions %v, rules have %v", got, want)
	}
}

func TestSchemaDescribesAndClosesEverything(t *testing.T) {
	t.Parallel()
	s, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		node, ok := value.(map[string]any)
		if !ok {
			return
		}
		properties, _ := node["properties"].(map[string]any)
		if properties != nil && node["additionalProperties"] != false {
			t.Errorf("%s is open", path)
		}
		for name, property := range properties {
			if text, _ := descend(property, "description").(string); !strings.HasSuffix(text, ".") {
				t.Errorf("%s.%s has no sentence as its description", path, name)
			}
		}
		for name, inner := range node {
			walk(path+"/"+name, inner)
		}
	}
	walk("", s.document)
}
