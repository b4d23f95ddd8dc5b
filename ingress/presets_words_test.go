package ingress

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// put sets the value at a path of an object, with the objects on the way; nil takes
// it away.
func put(object map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	if value == nil {
		delete(object, path[len(path)-1])
		return
	}
	object[path[len(path)-1]] = value
}

// TestEveryWordOfEveryPresetIsRead takes each word that a preset knows for an outcome,
// at each place where the preset looks for it, in either case.
func TestEveryWordOfEveryPresetIsRead(t *testing.T) {
	t.Parallel()
	taken := 0
	for _, p := range Presets() {
		words := map[string]string{"a word that nobody knows": rules.OutcomeOther}
		for _, word := range p.Outcome.Succeeded {
			words[word] = rules.OutcomeSucceeded
		}
		for _, word := range p.Outcome.Failed {
			words[word] = rules.OutcomeFailed
		}
		for word := range maps.Clone(words) {
			if p.Name != "qlik-talend" { // its words are types of events
				words[strings.ToUpper(word)], words[strings.ToLower(word)] = words[word], words[word]
			}
		}
		s := presetSource(t, p.Name)
		for _, place := range p.Outcome.Of {
			for word, want := range words {
				h, body, err := p.sample(rules.OutcomeSucceeded, sampleID, sampleNumber, sampleTime())
				if err != nil {
					t.Fatal(err)
				}
				var object map[string]any
				if err := json.Unmarshal(body, &object); err != nil {
					t.Fatal(err)
				}
				for _, other := range p.Outcome.Of {
					put(object, pathOf(t, other), nil)
				}
				put(object, pathOf(t, place), word)
				if body, err = json.Marshal(object); err != nil {
					t.Fatal(err)
				}
				if a := readSample(t, s, h, body); a.Facts.Outcome != want {
					t.Errorf("%s: %q at %s is read as %q, want %q", p.Name, word, place, a.Facts.Outcome, want)
				}
				taken++
			}
		}
	}
	if taken < 200 {
		t.Errorf("only %d words were tried", taken)
	}
}

// pathOf returns the path that a template such as {body.data.status} reads.
func pathOf(t *testing.T, template string) []string {
	t.Helper()
	inner, found := strings.CutPrefix(template, "{body.")
	inner, ended := strings.CutSuffix(inner, "}")
	if !found || !ended || strings.ContainsAny(inner, "{|}") {
		t.Fatalf("%s is more than one value of the body", template)
	}
	return strings.Split(inner, ".")
}
