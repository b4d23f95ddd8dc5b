package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
)

// maxSteps is more than any pipeline needs, and few enough for one record.
const maxSteps = 32

// steps compiles what is listed under `do`, `on_failure` and `always`.
func (c *compiler) steps(def Definition, join *join) []step {
	app, usable := c.ruleApp(def.App)
	lists := []struct {
		turn  Occasion
		items []StepDefinition
	}{{InTurn, def.Do}, {OnFailure, def.OnFailure}, {Always, def.Always}}
	switch n := len(def.Do) + len(def.OnFailure) + len(def.Always); {
	case len(def.Do) == 0:
		c.reportAt(nil, "do is missing; expected a list of steps: %s", strings.Join(actionNames(), ", "))
	case n > maxSteps:
		c.report("do", "%d steps; at most %d", n, maxSteps)
	}
	var steps []step
	var earlier []Step
	for _, list := range lists {
		for i, item := range list.items {
			at := []string{cmp.Or(string(list.turn), "do"), strconv.Itoa(i)}
			s := &stepCompiler{compiler: c, sources: def.On.Names(), join: join, earlier: earlier, path: at, wrong: map[string]bool{"app": !usable}}
			s.step.path = at
			s.step.fixed = Step{Name: cmp.Or(item.As, item.Action), Action: Action(item.Action), Turn: list.turn}
			if s.checkNames(item) {
				s.arguments(item.Args, app)
				s.finish()
			}
			steps = append(steps, s.step)
			earlier = append(earlier, s.step.fixed)
		}
	}
	return steps
}

// ruleApp returns the app that steps inherit; not usable = wrong, and said so.
func (c *compiler) ruleApp(app string) (inherited string, usable bool) {
	t, err := c.language.template(app)
	if err == nil && len(t.steps()) > 0 {
		err = errors.New("reads steps, but no step has run yet; give app at the step instead")
	}
	if err == nil {
		err = t.fits(kindText)
	}
	if err == nil && app != "" {
		if name, ok := t.constant(); ok {
			_, err = c.directory.app(name)
		}
	}
	if err != nil {
		c.report("app", "%s", err)
		return "", false
	}
	return app, true
}

// A stepCompiler compiles one item of `do`.
type stepCompiler struct {
	*compiler
	step    step
	sources []string
	join    *join // of the rule; nil = every event by itself
	earlier []Step
	path    []string        // of the step's arguments, within the rule
	wrong   map[string]bool // arguments that are a mistake already reported
}

// checkNames reports whether the step's action is known, and moves the path to
// where its arguments are.
func (s *stepCompiler) checkNames(item StepDefinition) bool {
	if item.Action == "" {
		s.reportAt(s.path, "expected a step: %s", strings.Join(actionNames(), ", "))
		return false
	}
	if signatureOf(s.step.fixed.Action) == nil {
		s.reportAt(s.at(item), "%s", unknown("action", item.Action, actionNames()))
		return false
	}
	for _, key := range item.others {
		s.reportAt(append(s.path, key), "unexpected key %q beside %s; a step is one action, with its own name under as", key, item.Action)
	}
	if !isIdentifier(s.step.fixed.Name) {
		s.reportAt(append(s.path, "as"), "%q is not a name of a step; expected a letter, then letters, digits and _, all lower case", item.As)
	}
	for _, other := range s.earlier {
		if other.Name == s.step.fixed.Name {
			s.reportAt(s.path, "an earlier step is already named %s; give this one a name of its own, as in {%s: {}, as: again}", other.Name, item.Action)
		}
	}
	s.path = s.at(item)
	return true
}

func (s *stepCompiler) at(item StepDefinition) []string {
	if item.short {
		return s.path
	}
	return append(slices.Clone(s.path), item.Action)
}

// argument compiles one value and notes what is wrong with it.
func (s *stepCompiler) argument(name string, value any, path []string) {
	err := s.understand(name, value)
	if err != nil {
		s.wrong[name] = true
		s.reportAt(path, "%s", err)
	}
}

// understand takes one value: a constant, a template of the event, or one that
// waits for earlier steps.
func (s *stepCompiler) understand(name string, value any) error {
	text, isText := value.(string)
	if !isText {
		return s.step.fixed.Args.set(name, value)
	}
	t, err := s.language.template(text)
	if err != nil {
		return err
	}
	if constant, ok := t.constant(); ok {
		return s.step.fixed.Args.assign(name, constant, s.directory)
	}
	if err := t.fits(kindOf(name)); err != nil {
		return err
	}
	if !s.own && slices.ContainsFunc(t.pieces, func(p piece) bool { return p.expression != nil && p.expression.own }) {
		return errOwn
	}
	if err := s.join.checkParts(t); err != nil {
		return err
	}
	references := t.steps()
	if len(references) == 0 && s.join == nil {
		s.step.dynamic = append(s.step.dynamic, binding{path: name, value: t})
		return nil
	}
	for _, r := range references {
		if err := r.check(s.earlier); err != nil {
			return err
		}
	}
	if (namesApp(name) || name == "space") && s.join != nil && t.readsParts() && s.narrowed() {
		return errors.New("reads the join's events, and one of their sources may touch only what it is allowed; name it here")
	}
	if (namesApp(name) || name == "space") && t.readsEvent() && s.narrowed() {
		return errors.New("reads the event and earlier steps at once; its source may touch only what it is allowed, so let it read one of them")
	}
	if s.step.fixed.Late == nil {
		s.step.fixed.Late = map[string]string{}
	}
	s.step.fixed.Late[name] = text
	for _, r := range references {
		if !slices.Contains(s.step.fixed.Needs, r.step) {
			s.step.fixed.Needs = append(s.step.fixed.Needs, r.step)
		}
	}
	return nil
}

// finish checks the step as a whole, as far as it does not wait for the event.
func (s *stepCompiler) finish() {
	fixed := &s.step.fixed
	isOpen := func(name string) bool {
		return s.wrong[name] || slices.ContainsFunc(s.step.dynamic, func(b binding) bool { return b.path == name })
	}
	if !isOpen("app") && !isOpen("space") {
		fixed.useDefaults(s.directory)
	}
	missing := fixed.missing()
	switch {
	case missing == "" || isOpen(missing):
	case missing == "space" && fixed.Action == Publish && isOpen("app"):
		// The app that the event names may have a space of its own.
	case missing == "space" && fixed.Action == Publish:
		s.reportAt(s.path, "space is missing; give it here, or under publish of the app")
	case missing == "app" && fixed.Action != Delete:
		s.reportAt(s.path, "app is missing; give it here or at the rule")
	default:
		s.reportAt(s.path, "%s is missing; give it here", missing)
	}
	for _, source := range s.sources {
		if err := s.directory.permit(source, *fixed); err != nil {
			s.reportAt(s.path, "%s", err)
		}
	}
}

// narrowed reports whether a source of the rule may touch only certain apps or spaces.
func (s *stepCompiler) narrowed() bool {
	return slices.ContainsFunc(s.sources, func(source string) bool {
		allowed := s.directory.allow[source]
		return allowed.apps != nil || allowed.spaces != nil
	})
}

// readsEvent reports whether the event decides some of the value.
func (t *template) readsEvent() bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool { return p.expression != nil && p.expression.event })
}

// readsParts reports whether an event of a join decides some of the value.
func (t *template) readsParts() bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool { return p.expression != nil && len(p.expression.parts) > 0 })
}

// fits reports why the template can never give a value of that kind.
func (t *template) fits(k kind) error {
	types := textTypes()
	switch k {
	case kindFlag:
		types = []*cel.Type{cel.BoolType}
	case kindInt:
		types = []*cel.Type{cel.IntType, cel.UintType, cel.DoubleType}
	}
	if k != kindText && t.single() == nil {
		return fmt.Errorf("expected %s; a template of several parts is text", k)
	}
	for _, piece := range t.pieces {
		if piece.expression == nil {
			continue
		}
		if output := piece.expression.output; !fits(output, types) {
			return errors.New("expected " + string(k) + "; ${" + piece.expression.source + "} gives " + output.String())
		}
	}
	return nil
}
