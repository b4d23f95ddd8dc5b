package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/qlikgateway/gateway/schemas"
)

const exampleConfig = "../../docs/config.example.yaml"

// TestConfigurationDocumentIsTheSchemas makes docs/config.md of the schema and the
// example; -update writes it anew.
func TestConfigurationDocumentIsTheSchemas(t *testing.T) {
	t.Parallel()
	var schema yaml.Node
	if err := yaml.Unmarshal(schemas.Config(), &schema); err != nil {
		t.Fatal(err)
	}
	m := manual{schema: schema.Content[0], examples: sectionsOf(string(read(t, exampleConfig)))}
	golden(t, "../../../docs/config.md", m.write())
}

func TestExampleOfTheConfigurationIsUnderstoodAndUsesEveryKey(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"server", "ca"} {
		pair(t, folder, name, x509.ExtKeyUsageServerAuth)
	}
	used := map[string]bool{}
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, exampleConfig)))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(&document)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = completed(strings.ReplaceAll(string(text), "tls/", folder+"/")); err != nil {
			t.Fatal(err)
		}
		if cfg, problems := parseConfig(exampleConfig, text, exampleSecrets); cfg == nil {
			t.Error(lines(problems))
		}
		keysOf(&document, used)
	}
	for _, name := range propertiesIn(schemas.Config(), t) {
		if !used[name] {
			t.Errorf("the example does without %q", name)
		}
	}
}

// exampleSecrets has a secret that fits for every name.
func exampleSecrets(name string) (string, bool) {
	if name == "SVIX_SECRET" || name == "WEBHOOK_SECRET" {
		return environment("GITLAB")
	}
	return environment(name)
}

func keysOf(node *yaml.Node, into map[string]bool) {
	for i, inner := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			into[inner.Value] = true
		}
		keysOf(inner, into)
	}
}

// propertiesIn returns the names of all keys that the schema knows.
func propertiesIn(text []byte, tb testing.TB) []string {
	tb.Helper()
	var schema yaml.Node
	if err := yaml.Unmarshal(text, &schema); err != nil {
		tb.Fatal(err)
	}
	var names []string
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		for i, inner := range node.Content {
			if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].Value == "properties" {
				for j := 0; j < len(inner.Content); j += 2 {
					names = append(names, inner.Content[j].Value)
				}
			}
			walk(inner)
		}
	}
	walk(&schema)
	slices.Sort(names)
	return slices.Compact(names)
}

// sectionsOf returns the text of each section of a file of configurations, by its
// key; of a key that is there twice, both.
func sectionsOf(text string) map[string]string {
	sections := map[string]string{}
	key := ""
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(line, ":"); ok && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") == "" {
			key = name
			if sections[key] != "" {
				sections[key] += "```\n\n```yaml\n"
			}
		} else if !strings.HasPrefix(line, " ") {
			key = ""
		}
		if key != "" {
			sections[key] += line
		}
	}
	return sections
}

// A manual is docs/config.md in the making.
type manual struct {
	schema   *yaml.Node
	examples map[string]string
	text     strings.Builder
}

func (m *manual) write() string {
	m.text.WriteString(manualHead)
	sections := m.at("properties")
	for i := 0; i < len(sections.Content); i += 2 {
		name, node := sections.Content[i].Value, m.follow(sections.Content[i+1])
		fmt.Fprintf(&m.text, "\n## %s\n\n%s\n\n", name, of(sections.Content[i+1], "description"))
		fmt.Fprintf(&m.text, "```yaml\n%s```\n\n", m.examples[name])
		m.table("", inner(m, node))
		if name == "sources" {
			m.text.WriteString("\n### Proofs\n\nUnder `verify`; each way may stand in `all` and `any` too.\n\n")
			m.table("", m.at("$defs", "verify"))
		}
		if name == "rules" {
			m.text.WriteString("\n### Steps\n\nUnder `do`, `on_failure` and `always`. A step that needs no arguments is its action alone, as in `do: [reload]`.\n\n")
			m.table("", m.at("$defs", "step"))
		}
	}
	return m.text.String()
}

const manualHead = `<!-- Generated from schemas/config.schema.json and docs/config.example.yaml: make docs -->
# Configuration

One YAML file. ` + "`gateway check --config FILE`" + ` says everything that is wrong with it at once, each with its line; unknown keys are refused. A changed file is
taken over while the gateway runs; secrets and certificates in files too, but for the
console's tokens. Any other change of listeners, the broker, tenants, or limits of apps needs a restart, and the log says so. [config.example.yaml](config.example.yaml) has every key.
Editors that know JSON Schema complete keys with [config.schema.json](../schemas/config.schema.json).

| word | what is written |
|---|---|
| *name* | lower-case letters, digits, ` + "`-` and `_`" + `, at most 63 |
| *duration* | ` + "`500ms`, `30s`, `5m`, `1h30m`" + ` |
| *rate* | calls in any span of so long: ` + "`50/1m`" + ` |
| *address* | ` + "`127.0.0.1:8080`, or `:8080`" + ` for every interface |
| *secret* | ` + "`env:NAME`, `file:PATH`" + `, or the secret itself, which ` + "`gateway check`" + ` warns of |
| *CEL* | an expression of [CEL](https://cel.dev) over the event, which is true or false unless said otherwise |
| *template* | text, with ` + "`${...}`" + ` around CEL |
`

func (m *manual) at(path ...string) *yaml.Node {
	node := m.schema
	for _, name := range path {
		node = get(node, name)
	}
	return node
}

// follow returns what a reference refers to.
func (m *manual) follow(node *yaml.Node) *yaml.Node {
	reference := of(node, "$ref")
	if reference == "" {
		return node
	}
	return m.at("$defs", strings.TrimPrefix(reference, "#/$defs/"))
}

// inner returns the part of the schema that a list or a set of names is made of.
func inner(m *manual, node *yaml.Node) *yaml.Node {
	for _, key := range []string{"items", "additionalProperties"} {
		if below := get(node, key); below != nil && below.Kind == yaml.MappingNode {
			return m.follow(below)
		}
	}
	return node
}

// table writes a table of the keys of a part of the schema.
func (m *manual) table(prefix string, node *yaml.Node) {
	m.text.WriteString("| key | takes | default | meaning |\n|---|---|---|---|\n")
	m.rows(prefix, node)
}

func (m *manual) rows(prefix string, node *yaml.Node) {
	properties := get(node, "properties")
	if properties == nil {
		return
	}
	for i := 0; i < len(properties.Content); i += 2 {
		key, property := properties.Content[i].Value, properties.Content[i+1]
		value := of(property, "default")
		if needed(node, key) {
			value = "*needed*"
		} else if value != "" && value != "none" && !strings.Contains(value, " ") {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&m.text, "| `%s%s` | %s | %s | %s |\n", prefix, key, m.takes(property), cell(value), cell(of(property, "description")))
		m.below(prefix+key, property)
	}
}

// below writes the rows of what is inside a key, but for those that have a table of
// their own.
func (m *manual) below(path string, property *yaml.Node) {
	node := m.follow(property)
	if of(property, "$ref") == "#/$defs/verify" {
		return
	}
	m.rows(path+".", node)
	for _, kind := range []struct{ key, suffix string }{{"items", "[]."}, {"additionalProperties", ".NAME."}} {
		below := get(node, kind.key)
		if reference := of(below, "$ref"); reference != "#/$defs/verify" && reference != "#/$defs/step" {
			m.rows(path+kind.suffix, m.follow(below))
		}
	}
}

// takes says what is written as the value of a key.
func (m *manual) takes(property *yaml.Node) string {
	words := map[string]string{
		"name": "*name*", "duration": "*duration*", "rate": "*rate*", "address": "*address*", "secret": "*secret*", "secrets": "*secret*, or a list",
		"cel": "*CEL*", "template": "*template*", "text": "text", "verify": "`none`, `bearer`, `standard-webhooks`, or a [proof](#proofs)",
	}
	reference := strings.TrimPrefix(of(property, "$ref"), "#/$defs/")
	if word := words[reference]; word != "" {
		return word
	}
	title := of(property, "title")
	if title == "" {
		title = of(m.follow(property), "title")
	}
	if title == "" && get(m.follow(property), "properties") != nil {
		title = "keys and values"
	}
	if title == "" {
		title = typeWords([]string{of(property, "type")})
	}
	return cell(title)
}

func needed(node *yaml.Node, key string) bool {
	required := get(node, "required")
	return required != nil && slices.ContainsFunc(required.Content, func(name *yaml.Node) bool { return name.Value == key })
}

func cell(text string) string {
	return strings.ReplaceAll(text, "|", `\|`)
}

func get(node *yaml.Node, key string) *yaml.Node {
	for i := 0; node != nil && node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// of returns the text under a key, "" where there is none.
func of(node *yaml.Node, key string) string {
	if value := get(node, key); value != nil {
		return value.Value
	}
	return ""
}
