package main

import (
	"encoding/json"
	"maps"
	"testing"
)

// A running gateway reads its file whenever it changes, also when an editor has written
// half of it: what is missing or of the wrong kind is a mistake with a name.
func TestConfigurationThatLacksAPartIsAnsweredAndNoCrash(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/good.yaml", "../../docs/config.example.yaml"} {
		whole, _ := parseDocument(read(t, file)).value.(map[string]any)
		for _, part := range sorted(whole) {
			for _, instead := range []string{"", "null", "{}", "[]", `"x"`} {
				broken := maps.Clone(whole)
				delete(broken, part)
				if instead != "" {
					broken[part] = json.RawMessage(instead)
				}
				text, err := json.Marshal(broken)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if fault := recover(); fault != nil {
						t.Fatalf("%s with %q for %s: %v", file, instead, part, fault)
					}
				}()
				if c, problems := parseConfig("gateway.yaml", text, environment); (c == nil) != (mistakes(problems) > 0) {
					t.Errorf("%s with %q for %s: config %v, problems:\n%s", file, instead, part, c, lines(problems))
				}
			}
		}
	}
}
