package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qlikgateway/gateway/schemas"
)

// canary is the secret at a place of the configuration.
func canary(place string) string {
	return "Canary" + strings.NewReplacer("/", "", "_", "", "-", "").Replace(place) + "Zq7Yx"
}

// secretsOf lists where the schema of the configuration has secrets. A subscription's
// address is one as well: chats have no other.
func secretsOf(t *testing.T) []string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(schemas.Config(), &schema); err != nil {
		t.Fatal(err)
	}
	found := []string{"subscription/url"}
	var walk func(node any, place string)
	walk = func(node any, place string) {
		part, ok := node.(map[string]any)
		if !ok {
			return
		}
		if reference, _ := part["$ref"].(string); reference == "#/$defs/secret" || reference == "#/$defs/secrets" {
			found = append(found, place)
		}
		properties, _ := part["properties"].(map[string]any)
		for name, property := range properties {
			walk(property, strings.TrimPrefix(place+"/"+name, "/"))
		}
		for _, key := range []string{"items", "additionalProperties"} {
			walk(part[key], place)
		}
		for _, key := range []string{"oneOf", "anyOf", "allOf"} {
			several, _ := part[key].([]any)
			for _, one := range several {
				walk(one, place)
			}
		}
	}
	walk(schema, "")
	for name, definition := range schema["$defs"].(map[string]any) {
		if name != "secrets" { // those are each a secret
			walk(definition, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// A watch searches what comes out for secrets.
type watch struct {
	t       *testing.T
	needles map[string]string // what a secret may look like -> its place
	mu      sync.Mutex
	bytes   map[string]int
}

func newWatch(t *testing.T, places []string) *watch {
	w := &watch{t: t, needles: map[string]string{}, bytes: map[string]int{}}
	for _, place := range places {
		secret := canary(place)
		w.needles[secret], w.needles[hex.EncodeToString([]byte(secret))] = place, place
		for offset := range 3 {
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			w.needles[encoded[4:len(encoded)-4]] = place
		}
	}
	return w
}

// look searches a text that came out somewhere.
func (w *watch) look(where, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes[strings.Fields(where)[0]] += len(text)
	if place, at := w.find(text); place != "" {
		w.t.Errorf("%s shows the secret %s: ...%s...", where, place, text[max(0, at-120):min(len(text), at+120)])
	}
}

// find returns whose secret a text shows and where; "" when it shows none.
func (w *watch) find(text string) (place string, at int) {
	for needle, place := range w.needles {
		if at := strings.Index(text, needle); at >= 0 {
			return place, at
		}
	}
	return "", 0
}

// TestSecretThatComesOutIsCaught shows secrets on purpose, as each output would, and
// holds that the judge of I10 finds them.
func TestSecretThatComesOutIsCaught(t *testing.T) {
	t.Parallel()
	places := secretsOf(t)
	w := newWatch(t, places)
	for _, place := range places {
		for how, shown := range map[string]string{
			"a log line":       fmt.Sprintf(`{"level":"info","url":"http://h/?key=%s"}`, canary(place)),
			"an error":         fmt.Sprintf("get token: 401 for %q", canary(place)),
			"basic proof":      "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("etl:"+canary(place))),
			"a dump":           fmt.Sprintf("%x", canary(place)),
			"a struct printed": fmt.Sprintf("%+v", struct{ Secret string }{canary(place)}),
		} {
			if found, _ := w.find(shown); found != place {
				t.Errorf("%s that shows the secret %s: found %q", how, place, found)
			}
		}
	}
	if found, _ := w.find(`{"level":"info","source":"plain"}`); found != "" {
		t.Errorf("found %s where there is none", found)
	}
}
