package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestConfigurationInDocumentsIsUnderstood takes every block of YAML in every
// document for a part of a configuration, adds what it refers to, and reads it as
// the gateway does.
func TestConfigurationInDocumentsIsUnderstood(t *testing.T) {
	t.Parallel()
	parsed := 0
	for name, text := range documents(t) {
		blocks, _ := fences(text)
		for _, block := range blocks {
			if block.info != "yaml" && !strings.HasPrefix(block.info, "yaml ") || name == "docs/config.md" { // made of the example, which is tried as a whole
				continue
			}
			parsed++
			whole, err := completed(block.text)
			if err != nil {
				t.Errorf("%s:%d: %v", name, block.line, err)
				continue
			}
			if cfg, problems := parseConfig(name, whole, exampleSecrets); cfg == nil {
				t.Errorf("%s:%d: %s\n%s", name, block.line, lines(problems), whole)
			}
		}
	}
	if parsed < 20 {
		t.Errorf("only %d blocks were found", parsed)
	}
}

// completed makes a whole configuration of a part of one: the lines of a source, a
// list of rules, or some of the sections.
func completed(part string) ([]byte, error) {
	var value any
	if err := yaml.Unmarshal([]byte(part), &value); err != nil {
		return nil, err
	}
	sections := []string{"http", "console", "broker", "tenants", "apps", "sources", "rules", "subscriptions"}
	config, _ := value.(map[string]any)
	switch {
	case config == nil:
		config = map[string]any{"rules": value}
	case !slices.ContainsFunc(slices.Collect(maps.Keys(config)), func(key string) bool { return slices.Contains(sections, key) }):
		config = map[string]any{"sources": config}
	}
	if config["tenants"] == nil {
		config["tenants"] = map[string]any{"acme": map[string]any{"url": "https://acme.eu.qlikcloud.com", "api_key": "env:ACME_KEY"}}
	}
	apps, _ := config["apps"].(map[string]any)
	if apps == nil {
		apps = map[string]any{}
	}
	for i, app := range []string{"sales", "finance"} {
		if apps[app] == nil {
			apps[app] = map[string]any{"id": strings.Replace("00000000-0000-4000-8000-000000000001", "1", string(rune('1'+i)), 1)}
		}
	}
	config["apps"] = apps
	sources, _ := config["sources"].(map[string]any)
	if sources == nil {
		sources = map[string]any{}
	}
	for _, name := range sourcesOf(config["rules"]) {
		if sources[name] == nil && name != "gateway" {
			sources[name] = map[string]any{"verify": "none"}
		}
	}
	config["sources"] = sources
	return yaml.Marshal(config)
}

// sourcesOf returns the sources that rules name.
func sourcesOf(value any) []string {
	var names []string
	list, _ := value.([]any)
	for _, item := range list {
		rule, _ := item.(map[string]any)
		switch on := rule["on"].(type) {
		case string:
			names = append(names, on)
		case []any:
			names = append(names, texts(on)...)
		case map[string]any:
			parts, _ := on["all"].(map[string]any)
			for _, part := range parts {
				if source, ok := descend(part, "source").(string); ok {
					names = append(names, source)
				}
			}
		}
	}
	return names
}
