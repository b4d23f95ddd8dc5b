package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Join says which events a run waits for, and what becomes of it when they do
// not all come.
type Join struct {
	Parts  []string      `json:"parts"`        // names, in the order of the alphabet
	Need   int           `json:"need"`         // so many of them are enough
	Within time.Duration `json:"within"`       // after the first
	Go     bool          `json:"go,omitempty"` // then go with what is there, instead of expiring
	Is     []string      `json:"is,omitempty"` // the parts that the event of this plan is
}

// A join is a JoinDefinition that Compile understood.
type join struct {
	Join
	of map[string]role
}

// A role says which events are one part of a join.
type role struct {
	source string
	when   *expression
}

// mostParts is more than anybody waits for at once.
const mostParts = 32

// join compiles the parts of a rule; nil when it has none.
func (c *compiler) join(def Definition) *join {
	if def.On.Join == nil {
		return nil
	}
	if def.When != "" {
		c.report("when", "a join's parts each have a when of their own; move it there")
	}
	if def.Gather != (GatherDefinition{}) {
		c.report("gather", "a join gathers by itself; on.key keeps runs apart")
	}
	written := def.On.Join
	names := slices.Sorted(maps.Keys(written.All))
	switch {
	case len(names) < 2:
		c.reportAt([]string{"on", "all"}, "%d parts; a join has at least two, and a rule of one source names it: on: dbt", len(names))
	case len(names) > mostParts:
		c.reportAt([]string{"on", "all"}, "%d parts; at most %d", len(names), mostParts)
	}
	j := &join{Join: Join{Parts: names, Need: len(names)}, of: map[string]role{}}
	for _, name := range names {
		j.of[name] = c.part(name, written.All[name])
	}
	if written.AnyOf != 0 {
		if j.Need = written.AnyOf; j.Need < 2 || j.Need > len(names) {
			c.reportAt([]string{"on", "any_of"}, "%d of %d parts; expected 2 to %d", j.Need, len(names), len(names))
		}
	}
	j.Within = c.duration(0, written.Within, "on", "within")
	if written.Within == "" {
		c.reportAt([]string{"on"}, "within is missing: how long after the first part the others may come, such as 2h")
	}
	switch written.OnTimeout {
	case "", "expire":
	case "go":
		j.Go = true
	default:
		c.reportAt([]string{"on", "on_timeout"}, "%s", unknown("end of a wait", written.OnTimeout, []string{"expire", "go"}))
	}
	return j
}

// part compiles one part of a join.
func (c *compiler) part(name string, def PartDefinition) role {
	path := []string{"on", "all", name}
	if !isIdentifier(name) {
		c.reportAt(path, "%q is not a name of a part; expected a letter, then letters, digits and _, all lower case", name)
	}
	if !slices.Contains(c.sources(), def.Source) {
		c.reportAt(append(path, "source"), "%s", unknown("source", def.Source, c.sources()))
	}
	c.checkOwn([]string{def.Source}, def.When, path...)
	return role{source: def.Source, when: c.when(def.When, append(path, "when")...)}
}

// is returns the parts that the event is. The error says why it may be none.
func (j *join) is(vars *variables) ([]string, error) {
	var parts []string
	var wrong error
	for _, name := range j.Parts {
		if j.of[name].source != vars.event.GatewaySource {
			continue
		}
		matches, err := holds(j.of[name].when, vars)
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("part %s: %w", name, err)
		}
		if matches {
			parts = append(parts, name)
		}
	}
	if len(parts) > 0 {
		wrong = nil
	}
	return parts, wrong
}

// from returns the parts that events of a source can be.
func (j *join) from(source string) []string {
	return slices.DeleteFunc(slices.Clone(j.Parts), func(name string) bool { return j.of[name].source != source })
}

// checkParts reports why an argument's expressions cannot be evaluated: in a join,
// what an event says is read of one of its parts; elsewhere there are none.
func (j *join) checkParts(t *template) error {
	for _, p := range t.pieces {
		switch e := p.expression; {
		case e == nil:
		case j == nil && len(e.parts) > 0:
			return errors.New("reads events, which only a join has; here the event's own data is under data")
		case j == nil, len(j.Parts) == 0: // that it has none is a mistake of its own
		case e.event:
			return fmt.Errorf("reads the event, and a join has several; say of which part, as in events.%s.data", j.Parts[0])
		default:
			for _, r := range e.parts {
				if !slices.Contains(j.Parts, r.step) {
					return fmt.Errorf("events.%s is no part of this join%s; parts: %s", r.step, didYouMean(r.step, j.Parts), strings.Join(j.Parts, ", "))
				}
				if r.field != "" && !slices.Contains(eventNames(), r.field) {
					return errors.New(unknown("attribute of events."+r.step, r.field, eventNames()))
				}
			}
		}
	}
	return nil
}

// eventNames are what an expression can read of an event.
func eventNames() []string {
	return slices.Concat([]string{"data", "time", "extensions"}, attributeNames(), extensionNames(), ownNames())
}

// ResolveParts fills in the arguments of a join's steps that need what its events
// say, and of earlier steps only what results hold; the first step's all. What
// needs more stays as it is. It is pure; an error says that an argument can never
// be made.
func ResolveParts(steps []Step, events map[string]Event, results map[string]map[string]any) ([]Step, error) {
	l, err := newLanguage()
	if err != nil {
		return nil, err
	}
	vars := &variables{event: &Event{}, parts: map[string]any{}, steps: results}
	if results == nil {
		vars.steps = map[string]map[string]any{}
	}
	for name, event := range events {
		vars.parts[name] = event.asMap()
	}
	resolved := slices.Clone(steps)
	for i := range resolved {
		step := &resolved[i]
		step.Args.Variables, step.Args.Data, step.Late = maps.Clone(step.Args.Variables), maps.Clone(step.Args.Data), maps.Clone(step.Late)
		for _, path := range sortedKeys(step.Late) {
			done, err := l.resolve(step, path, vars, i == 0)
			if err != nil {
				return nil, fmt.Errorf("resolve %s of step %s: %w", path, step.Name, err)
			}
			if done {
				delete(step.Late, path)
			}
		}
		if len(step.Late) == 0 {
			step.Late = nil
		}
	}
	return resolved, nil
}

// resolve fills in one argument, unless it waits for a step that has not run and need
// not be made now. It says whether it did.
func (l *language) resolve(step *Step, path string, vars *variables, must bool) (bool, error) {
	t, err := l.template(step.Late[path])
	if err != nil {
		return false, err
	}
	waits := func(r reference) bool { _, ran := vars.steps[r.step]; return !ran }
	if !must && slices.ContainsFunc(t.steps(), waits) {
		return false, nil
	}
	value, err := t.eval(vars)
	if err != nil {
		return false, err
	}
	return true, step.Args.set(path, value)
}

// asMap returns the event as expressions see it in `events.<part>`.
func (e *Event) asMap() map[string]any {
	vars := &variables{event: e}
	values := map[string]any{}
	for _, name := range eventNames() {
		if value, ok := vars.ResolveName(name); ok {
			values[name] = value
		}
	}
	return values
}
