package rules

import (
	"fmt"
	"strings"
)

// Names are what rules may refer to, as configured.
type Names struct {
	Tenants []string
	Sources []string
	Apps    map[string]App   // by configured name; an id is used as it is
	Allow   map[string]Allow // by source: all that its events may ask for; none = anything

	// OneTarget lists the tenants whose API gives no say in which published app is
	// replaced: it is the app's twin in the space, so there can be only one.
	OneTarget []string
}

// An App is a Qlik app that got a name under `apps`.
type App struct {
	ID      string
	Publish PublishTo
}

// PublishTo is where a publish step puts an app when the step does not say.
type PublishTo struct {
	Space  string // id of the managed space
	Target string // name or id of the published app to replace; "" = publish anew
}

// A Problem is one mistake in a configuration.
type Problem struct {
	Path    []string // keys and indexes from the top of the document to the mistake
	Text    string   // what is wrong and what was expected
	Warning bool     // worth saying, but it would work
}

// String returns the problem as people write paths: rules[0].when: text.
func (p Problem) String() string {
	var path strings.Builder
	for _, key := range p.Path {
		switch {
		case len(key) > 0 && strings.Trim(key, "0123456789") == "":
			path.WriteString("[" + key + "]")
		case path.Len() > 0:
			path.WriteString("." + key)
		default:
			path.WriteString(key)
		}
	}
	if path.Len() == 0 {
		return p.Text
	}
	return path.String() + ": " + p.Text
}

// A directory resolves names of apps and knows what each source may ask for.
type directory struct {
	ids       map[string]string    // configured name -> id
	publishTo map[string]PublishTo // id -> defaults, targets resolved
	allow     map[string]allowance
}

// newDirectory reads names and reports the references among them that lead nowhere.
func newDirectory(names Names) (*directory, []Problem) {
	d := &directory{ids: map[string]string{}, publishTo: map[string]PublishTo{}, allow: map[string]allowance{}}
	for name, app := range names.Apps {
		d.ids[name] = strings.ToLower(app.ID)
	}
	var problems []Problem
	report := func(text string, path ...string) {
		problems = append(problems, Problem{Path: path, Text: text})
	}
	for _, name := range sortedKeys(names.Apps) {
		app := names.Apps[name]
		if !isAppID(app.ID) {
			d.ids[name] = name // steps that use it are no mistake as well
			report(fmt.Sprintf("%q is not an app id; expected a GUID such as 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90", app.ID), "apps", name, "id")
		}
		if other := d.otherName(name); other < name {
			report(fmt.Sprintf("this app is already named %q", other), "apps", name, "id")
		}
		to := app.Publish
		if to.Target != "" {
			target, err := d.app(to.Target)
			if err != nil {
				report(err.Error(), "apps", name, "publish", "target")
			}
			to.Target = target
		}
		d.publishTo[d.ids[name]] = to
	}
	for _, source := range sortedKeys(names.Allow) {
		problems = append(problems, d.addAllow(source, names.Allow[source], names.Tenants)...)
	}
	return d, problems
}

// app returns the id of the app that a name or an id stands for.
func (d *directory) app(reference string) (string, error) {
	if id, ok := d.ids[reference]; ok {
		return id, nil
	}
	if isAppID(reference) {
		return strings.ToLower(reference), nil
	}
	return "", fmt.Errorf("%s, or an app's id", unknown("app", reference, sortedKeys(d.ids)))
}

// otherName returns the first name of the app that name stands for.
func (d *directory) otherName(name string) string {
	first := name
	for other, id := range d.ids {
		if id == d.ids[name] && other < first {
			first = other
		}
	}
	return first
}

// isAppID reports whether text is a GUID, as all ids of Qlik apps are.
func isAppID(text string) bool {
	if len(text) != len("2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90") {
		return false
	}
	for i, c := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return false
		}
	}
	return true
}
