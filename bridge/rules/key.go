package rules

import (
	"fmt"
	"strings"
)

// maxKey bounds what a gather key may be made to weigh by an event.
const maxKey = 1024

// keyFor returns the key by which triggers of the rule share a run: the rule,
// every app, space and target its steps name, and what gather.key gives. The
// apps are always part of it, as a run carries the arguments of its newest cause
// only and triggers for two apps must never become one reload.
func (r *rule) keyFor(steps []Step, vars *variables) (string, error) {
	parts := []string{r.name}
	app := ""
	for i := range steps {
		for _, path := range []string{"app", "space", "target"} {
			value := steps[i].Args.get(path)
			if value == "" {
				value = steps[i].Late[path]
			}
			if value == "" || path == "app" && value == app {
				continue
			}
			if path == "app" {
				app = value
			}
			parts = append(parts, value)
		}
	}
	if r.key != nil {
		value, err := r.key.value(vars)
		if err != nil {
			return "", fmt.Errorf("%s: %w", r.keyName(), err)
		}
		text, err := asText(value)
		if err != nil {
			return "", fmt.Errorf("%s: %w", r.keyName(), err)
		}
		parts = append(parts, text)
	}
	key := strings.Join(parts, " ")
	if len(key) > maxKey {
		return "", fmt.Errorf("%s: longer than %d bytes", r.keyName(), maxKey)
	}
	return key, nil
}

// keyName is what the configuration calls the rule's key.
func (r *rule) keyName() string {
	if r.join != nil {
		return "on.key"
	}
	return "gather.key"
}
