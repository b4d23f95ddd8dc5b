package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Allow narrows what the events of one source may ask for, whatever the rules say.
type Allow struct {
	Apps     []string // names or ids; none = every app
	Actions  []Action // none = every action
	Tenants  []string // none = every tenant
	Spaces   []string // ids of spaces to copy or publish to; none = every space
	Priority string   // the highest of its runs; a rule that asks for more gets this. "" = high
}

// ErrNotAllowed is wrapped when an event's source may not have a step carried out.
var ErrNotAllowed = errors.New("not allowed")

// A denial says what a source may not do.
type denial struct{ text string }

func (d denial) Error() string { return d.text }
func (d denial) Unwrap() error { return ErrNotAllowed }

func deny(format string, args ...any) error { return denial{fmt.Sprintf(format, args...)} }

// An allowance is an Allow with its names resolved.
type allowance struct {
	apps    map[string]bool // ids; nil = every app
	actions []Action        // nil = every action
	tenants []string        // nil = every tenant
	spaces  map[string]bool // ids; nil = every space
	ceiling int             // no run has a higher priority
}

// addAllow takes in what a source may ask for, and reports what in it leads nowhere.
func (d *directory) addAllow(source string, allow Allow, tenants []string) []Problem {
	var problems []Problem
	report := func(text string, path ...string) {
		problems = append(problems, Problem{Path: append([]string{"sources", source, "allow"}, path...), Text: text})
	}
	allowed := allowance{tenants: allow.Tenants}
	for i, name := range allow.Apps {
		id, err := d.app(name)
		if err != nil {
			report(err.Error(), "apps", strconv.Itoa(i))
		}
		if allowed.apps == nil {
			allowed.apps = map[string]bool{}
		}
		allowed.apps[id] = true
	}
	for i, action := range allow.Actions {
		if signatureOf(action) == nil {
			report(unknown("action", string(action), actionNames()), "actions", strconv.Itoa(i))
		}
		allowed.actions = append(allowed.actions, action)
	}
	for i, name := range allow.Tenants {
		if !slices.Contains(tenants, name) {
			report(unknown("tenant", name, tenants), "tenants", strconv.Itoa(i))
		}
	}
	if allow.Spaces != nil {
		allowed.spaces = map[string]bool{}
	}
	for _, space := range allow.Spaces {
		allowed.spaces[space] = true
	}
	ceiling, wrong := priorityOf(allow.Priority, priorityHigh)
	if wrong != "" {
		report(wrong, "priority")
	}
	allowed.ceiling = ceiling
	d.allow[source] = allowed
	return problems
}

// permit reports why events of source may not have the step carried out.
func (d *directory) permit(source string, step Step) error {
	allowed, narrowed := d.allow[source]
	switch {
	case !narrowed:
		return nil
	case allowed.actions != nil && !slices.Contains(allowed.actions, step.Action):
		return deny("source %s may not %s", source, step.Action)
	case allowed.apps != nil && step.Args.App != "" && !allowed.apps[step.Args.App]:
		return deny("source %s may not %s app %s", source, step.Action, step.Args.App)
	case allowed.spaces != nil && step.Args.Space != "" && !allowed.spaces[step.Args.Space]:
		return deny("source %s may not %s to space %s", source, step.Action, step.Args.Space)
	}
	return nil
}

// permitTenant reports why events of source may not have anything done there.
func (d *directory) permitTenant(source, tenant string) error {
	if tenants := d.allow[source].tenants; tenants != nil && !slices.Contains(tenants, tenant) {
		return deny("source %s may do nothing at tenant %s", source, tenant)
	}
	return nil
}

// priorityFor is the priority of a run that an event of source asks for.
func (d *directory) priorityFor(source string, asked int) int {
	if allowed, narrowed := d.allow[source]; narrowed {
		return max(asked, allowed.ceiling)
	}
	return asked
}

// Narrows reports whether the events of a source may not ask for everything.
func (s *Set) Narrows(source string) bool {
	if s.directory == nil {
		return false
	}
	_, narrowed := s.directory.allow[source]
	return narrowed
}
