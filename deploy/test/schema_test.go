package deploy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	valuesSchema = "../helm/values.schema.json"
	configSchema = "../../schemas/config.schema.json"
	generated    = `    "gateway": ` // what follows in valuesSchema is made of configSchema
)

var updating = flag.Bool("update", false, "write values.schema.json anew")

// TestConfigIsHeldAgainstTheGatewaysOwnSchema: `config` in the values is what the
// gateway takes, less what the chart sets.
func TestConfigIsHeldAgainstTheGatewaysOwnSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(valuesSchema)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := bytes.Cut(text, []byte(generated))
	if !found {
		t.Fatalf("%s has no line beginning with %q", valuesSchema, generated)
	}
	body, err := json.MarshalIndent(chartConfig(t), "    ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(head, []byte(generated), body, []byte("\n  }\n}\n"))
	if *updating {
		if err := os.WriteFile(valuesSchema, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s is not made of %s; write it anew: make docs", valuesSchema, configSchema)
	}
}

// chartConfig is the gateway's schema as it holds in the values.
func chartConfig(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(configSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	in := func(path ...string) map[string]any {
		node := schema
		for _, key := range path {
			next, ok := node[key].(map[string]any)
			if !ok {
				t.Fatalf("%s has no %s", configSchema, strings.Join(path, "."))
			}
			node = next
		}
		return node
	}
	in("properties", "broker") // it is still called so
	delete(in("properties"), "broker")
	for _, listener := range []string{"http", "console"} {
		in("properties", listener, "properties", "addr")
		delete(in("properties", listener, "properties"), "addr")
	}
	for _, name := range []string{"secret", "secrets"} { // one, or one of several
		in("$defs", name)["pattern"] = "^(env|file):."
	}
	// Helm reads values as YAML 1.1, where the key `on` is the truth value.
	rule := in("$defs", "rule")
	in("$defs", "rule", "properties")["true"] = map[string]any{"$ref": "#/$defs/rule/properties/on"}
	in("$defs", "rule", "properties", "retry", "properties")["true"] = map[string]any{"$ref": "#/$defs/rule/properties/retry/properties/on"}
	rule["required"] = slices.DeleteFunc(rule["required"].([]any), func(key any) bool { return key == "on" })
	rule["oneOf"] = []any{map[string]any{"required": []string{"on"}}, map[string]any{"required": []string{"true"}}}
	return schema
}

// TestValuesSchemaIsClosed: a misspelt value is refused, wherever it is.
func TestValuesSchemaIsClosed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(valuesSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema["$defs"].(map[string]any), "gateway") // has tests of its own
	closed(t, "values", schema)
}

// closed fails for a schema with properties that allows others.
func closed(t *testing.T, path string, node any) {
	t.Helper()
	switch node := node.(type) {
	case map[string]any:
		_, properties := node["properties"]
		_, reference := node["$ref"]
		condition := strings.HasSuffix(path, ".if") || strings.Contains(path, ".then")
		if properties && !reference && !condition && node["additionalProperties"] != false {
			t.Errorf("%s takes any key", path)
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			closed(t, path+"."+key, node[key])
		}
	case []any:
		for _, item := range node {
			closed(t, path, item)
		}
	}
}

func TestMistakesInValuesAreSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, says string }{
		"misspelt":                {"brokr.mode=embedded", "brokr"},
		"misspelt below":          {"broker.embedded.persistence.sise=1Gi", "sise"},
		"no such mode":            {"broker.mode=cluster", "broker/mode"},
		"external without a URL":  {"broker.mode=external", "url"},
		"secret written out":      {"config.sources.jobs.secret=hunter2", "(env|file)"},
		"secret of no concern":    {"config.sources.jobs.secret=file:/etc/gateway/secrets/other/jobs", "secrets.other.existingSecret"},
		"the chart's own":         {"config.console.addr=:9999", "console"},
		"the chart's own port":    {"config.http.addr=:9999", "addr"},
		"rule without source":     {"config.rules[1].name=x", "rules/1"},
		"no such rule key":        {"config.rules[0].wen=x", "wen"},
		"four copies":             {"broker.external.replicas=4", "replicas"},
		"users but none named":    {"broker.embedded.nats.enabled=true", "users"},
		"exposed without a host":  {"ingress.enabled=true", "host"},
		"route without a gateway": {"httpRoute.enabled=true", "parentRefs"},
		"name too long":           {"fullnameOverride=" + strings.Repeat("a", 64), "fullnameOverride"},
		"name of capitals":        {"fullnameOverride=My_Gateway", "fullnameOverride"},
		"host with a scheme":      {"ingress.host=https://hooks.example.com", "ingress/host"},
		"tag of two words":        {"image.tag=a b", "image/tag"},
		"resource of no kind":     {"resources.limts.memory=1Gi", "limts"},
		"no quantity":             {"resources.limits.memory=lots", "resources/limits/memory"},
		"volume of no size":       {"broker.embedded.persistence.size=0Gi", "size"},
		"no such restriction":     {"securityContext.runAsRoot=true", "runAsRoot"},
		"variable without a name": {"extraEnv[0].nam=x", "extraEnv/0"},
		"label of the selector":   {`podLabels.app\.kubernetes\.io/instance=x`, "app.kubernetes.io/instance"},
		"stop shorter than work":  {"terminationGracePeriodSeconds=10", "terminationGracePeriodSeconds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, ok := helm(t, "template", release, chart, "-f", filepath.Join(chart, "ci", "embedded-values.yaml"), "--set", c.set)
			if ok || !strings.Contains(out, c.says) {
				t.Errorf("--set %s: accepted %v, says\n%s", c.set, ok, out)
			}
		})
	}
	if out, ok := helm(t, "template", release, chart); ok || !strings.Contains(out, "tenants") {
		t.Errorf("no tenants: accepted %v, says\n%s", ok, out)
	}
}
