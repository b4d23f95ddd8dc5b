package events_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/schemas"
)

// promised are the schemas as they were committed last: what subscribers rely on.
const promised = "testdata/promised"

func TestSchemasKeepWhatWasPromised(t *testing.T) {
	t.Parallel()
	for _, name := range schemas.Events() {
		text, err := schemas.Event(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(promised, name+".json")
		before, err := os.ReadFile(path)
		if err != nil && !(*update && os.IsNotExist(err)) {
			t.Errorf("schema %s is new: run go test ./events -run Promised -update", name)
			continue
		}
		if before != nil {
			for _, problem := range broken("", tree(t, before), tree(t, text)) {
				t.Errorf("schema %s: %s: subscribers rely on it; make a new version beside it", name, problem)
			}
		}
		switch {
		case t.Failed(): // nothing broken is ever promised
		case *update:
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		case string(before) != string(text):
			t.Errorf("schema %s promises more: run go test ./events -run Promised -update", name)
		}
	}
	old, err := filepath.Glob(filepath.Join(promised, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		if name := strings.TrimSuffix(filepath.Base(path), ".json"); !slices.Contains(schemas.Events(), name) {
			t.Errorf("schema %s is gone: subscribers rely on it", name)
		}
	}
}

func tree(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// broken says what a subscriber that relies on the old schema could no longer rely
// on. Fields may be added, and values to a list of values; texts may change.
func broken(at string, old, now any) []string {
	before, isObject := old.(map[string]any)
	after, stillObject := now.(map[string]any)
	if !isObject || !stillObject {
		if reflect.DeepEqual(old, now) {
			return nil
		}
		return []string{fmt.Sprintf("%s was %v and is %v", at, old, now)}
	}
	var problems []string
	for key, value := range before {
		path := at + "/" + key
		switch {
		case slices.Contains([]string{"description", "title", "examples"}, key) && !strings.HasSuffix(at, "/properties"):
		case (key == "required" || key == "enum") && !strings.HasSuffix(at, "/properties"):
			list, _ := after[key].([]any)
			for _, item := range value.([]any) {
				if !slices.Contains(list, item) {
					problems = append(problems, fmt.Sprintf("%s has no %v any more", path, item))
				}
			}
		case after[key] == nil:
			problems = append(problems, path+" is gone")
		default:
			problems = append(problems, broken(path, value, after[key])...)
		}
	}
	slices.Sort(problems)
	return problems
}

func TestBrokenPromisesAreFound(t *testing.T) {
	t.Parallel()
	const old = `{"type":"object","properties":{"a":{"type":"string","format":"uri"},"e":{"enum":["x","y"]},"description":{"type":"string"}},"required":["a"],"description":"d"}`
	for name, c := range map[string]struct{ from, to, want string }{
		"same":                     {"", "", ""},
		"another text":             {`"description":"d"`, `"description":"e"`, ""},
		"another field":            {`"e":{`, `"b":{"type":"string"},"e":{`, ""},
		"another value":            {`["x","y"]`, `["x","y","z"]`, ""},
		"more required":            {`["a"]`, `["a","e"]`, ""},
		"a field gone":             {`"description":{"type":"string"}`, `"other":{}`, "/properties/description is gone"},
		"another type":             {`"type":"string","format"`, `"type":"integer","format"`, "/properties/a/type was string and is integer"},
		"another format":           {`"uri"`, `"date"`, "/properties/a/format was uri and is date"},
		"a format gone":            {`,"format":"uri"`, ``, "/properties/a/format is gone"},
		"a value gone":             {`["x","y"]`, `["x"]`, "/properties/e/enum has no y any more"},
		"no longer always there":   {`"required":["a"]`, `"required":[]`, "/required has no a any more"},
		"required is gone":         {`"required":["a"],`, ``, "/required has no a any more"},
		"all may be anything else": {`"type":"object",`, ``, "/type is gone"},
	} {
		now := strings.Replace(old, c.from, c.to, 1)
		if got := strings.Join(broken("", tree(t, []byte(old)), tree(t, []byte(now))), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
