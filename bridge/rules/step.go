package rules

import (
	"fmt"
	"maps"
)

// A step is one item of a rule's `do`, compiled.
type step struct {
	fixed   Step      // what does not depend on the event, and what waits for earlier steps
	dynamic []binding // what the event decides
	path    []string  // of the step within its rule
}

// A binding is an argument whose value the event decides.
type binding struct {
	path  string
	value *template
}

// bind returns the step for one event.
func (s *step) bind(vars *variables, d *directory) (Step, error) {
	bound := s.fixed
	bound.Args.Variables, bound.Args.Data = maps.Clone(bound.Args.Variables), maps.Clone(bound.Args.Data)
	bound.Late = maps.Clone(bound.Late)
	if len(s.dynamic) == 0 {
		return bound, nil
	}
	for _, b := range s.dynamic {
		if err := b.bind(&bound.Args, vars, d); err != nil {
			return Step{}, fmt.Errorf("%s: %w", b.path, err)
		}
	}
	target := bound.Args.Target != s.fixed.Args.Target
	bound.useDefaults(d)
	if path := bound.missing(); path != "" {
		return Step{}, fmt.Errorf("%s is missing", path)
	}
	if err := d.permit(vars.event.GatewaySource, bound); err != nil {
		return Step{}, err
	}
	if target {
		return bound, d.permitTarget(vars.event.GatewaySource, bound.Args)
	}
	return bound, nil
}

func (b *binding) bind(args *Args, vars *variables, d *directory) error {
	value, err := b.value.eval(vars)
	if err != nil {
		return err
	}
	return args.assign(b.path, value, d)
}

// assign is set for an argument that may be an app's configured name.
func (a *Args) assign(path string, value any, d *directory) error {
	if reference, ok := value.(string); ok && reference != "" && namesApp(path) {
		id, err := d.app(reference)
		if err != nil {
			return err
		}
		value = id
	}
	return a.set(path, value)
}

// namesApp reports whether the argument at path is an app.
func namesApp(path string) bool { return path == "app" || path == "target" }

// useDefaults fills in where the app is published when the step does not say.
// An app's target lives in the app's space, so it is no default for another one.
func (s *Step) useDefaults(d *directory) {
	to, known := d.publishTo[s.Args.App]
	if s.Action != Publish || !known || s.Late["space"] != "" {
		return
	}
	if s.Args.Space == "" {
		s.Args.Space = to.Space
	}
	if s.Args.Target == "" && s.Late["target"] == "" && s.Args.Space == to.Space {
		s.Args.Target = to.Target
	}
}

// permitTarget reports why events of source may not choose the app to replace.
func (d *directory) permitTarget(source string, args Args) error {
	apps := d.allow[source].apps
	if apps == nil || apps[args.Target] || args.Target == d.publishTo[args.App].Target {
		return nil
	}
	return deny("source %s may not replace app %s", source, args.Target)
}

// Resolve fills in the arguments of a step that had to wait for earlier steps.
// Results has, by step name, the fields that Results lists; ev is the newest
// event of the run. It is pure; an error says that the argument can never be made.
func Resolve(step Step, ev Event, results map[string]map[string]any) (Step, error) {
	if len(step.Late) == 0 {
		return step, nil
	}
	l, err := newLanguage()
	if err != nil {
		return Step{}, err
	}
	vars := &variables{event: &ev, steps: results}
	if results == nil {
		vars.steps = map[string]map[string]any{}
	}
	step.Args.Variables, step.Args.Data = maps.Clone(step.Args.Variables), maps.Clone(step.Args.Data)
	for _, path := range sortedKeys(step.Late) {
		if _, err := l.resolve(&step, path, vars, true); err != nil {
			return Step{}, fmt.Errorf("resolve %s of step %s: %w", path, step.Name, err)
		}
	}
	step.Late, step.Needs = nil, nil
	return step, nil
}
