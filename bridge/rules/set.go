package rules

import (
	"cmp"
	"errors"
	"fmt"

	"cel.dev/cel-go/common/types"
)

// ErrNoRule is returned by Plan when the configuration has no rule of that name,
// or no longer has it.
var ErrNoRule = errors.New("no such rule")

// A Set is a configuration's rules, compiled. It never changes and is safe for
// concurrent use.
type Set struct {
	bySource map[string]*judges
	byName   map[string]*rule

	directory *directory
	names     Names
}

// A Match is one rule that an event matched.
type Match struct {
	Tenant string
	Rule   string
}

// A Note is why a rule did not match: what the event lacks, or what went wrong.
type Note struct {
	Rule string
	Text string
}

// A Routing says which rules an event matched, in the order of the
// configuration, and why others could not be evaluated.
type Routing struct {
	Matches []Match
	Missing []Note // the rule's `when` reads what the event does not have
	Errors  []Note // the rule's `when` failed, gave no bool, or was too much work
}

// A Listener is a rule that judges the events of a source.
type Listener struct {
	Source string
	Tenant string
	Rule   string
}

// Listeners returns every rule with each of the sources that it judges events of.
func (s *Set) Listeners() []Listener {
	var all []Listener
	for source, judges := range s.bySource {
		for _, rule := range judges.rules {
			all = append(all, Listener{Source: source, Tenant: rule.tenant, Rule: rule.name})
		}
	}
	return all
}

// Has says whether the set has a rule of that name.
func (s *Set) Has(rule string) bool {
	_, ok := s.byName[rule]
	return ok
}

// Route finds the rules that the event matches. It is pure.
func (s *Set) Route(ev Event) Routing {
	var routing Routing
	vars := &variables{event: &ev}
	judges, known := s.bySource[ev.GatewaySource]
	if !known {
		return routing
	}
	for _, i := range judges.judging(vars) {
		rule := judges.rules[i]
		matches, err := rule.matches(vars)
		switch {
		case errors.Is(err, errMissing):
			routing.Missing = append(routing.Missing, Note{Rule: rule.name, Text: err.Error()})
		case err != nil:
			routing.Errors = append(routing.Errors, Note{Rule: rule.name, Text: err.Error()})
		case matches:
			routing.Matches = append(routing.Matches, Match{Tenant: rule.tenant, Rule: rule.name})
		}
	}
	return routing
}

// Plan returns what the rule asks for when the event matched it. It returns
// ErrNoRule when there is no such rule; every other error says that an argument
// cannot be made of this event, now or later. The plan is the caller's own.
func (s *Set) Plan(rule string, ev Event) (Plan, error) {
	if rule == DirectRule {
		return s.direct(ev)
	}
	r, ok := s.byName[rule]
	if !ok {
		return Plan{}, fmt.Errorf("plan %s: %w", rule, ErrNoRule)
	}
	plan, err := r.planFor(&variables{event: &ev})
	if err != nil {
		return Plan{}, fmt.Errorf("plan %s: %w", rule, err)
	}
	return plan, nil
}

// A rule is a Definition that Compile understood.
type rule struct {
	name, tenant string
	when         *expression // nil: the event did not fail, as far as it says
	own          bool        // it looks at the gateway's own outcomes
	join         *join       // nil: every event by itself
	key          *expression // nil: only app, space and target tell runs apart
	plan         Plan        // all but Key and Steps
	steps        []step
	directory    *directory
}

func (r *rule) matches(vars *variables) (bool, error) {
	if r.join != nil {
		parts, err := r.join.is(vars)
		return len(parts) > 0, err
	}
	return holds(r.when, vars)
}

// holds says whether an event fulfils a `when`; without one it must not have failed.
func holds(when *expression, vars *variables) (bool, error) {
	if when == nil {
		outcome := vars.event.Facts.Outcome
		return outcome == OutcomeSucceeded || outcome == "", nil
	}
	result, err := when.eval(vars)
	if err != nil {
		return false, err
	}
	matches, ok := result.(types.Bool)
	if !ok {
		return false, fmt.Errorf("when gave %s, expected true or false", describe(native(result)))
	}
	return bool(matches), nil
}

func (r *rule) planFor(vars *variables) (Plan, error) {
	plan := r.plan
	plan.Priority = r.directory.priorityFor(vars.event.GatewaySource, plan.Priority)
	if r.join != nil {
		own := r.join.Join
		var err error
		if own.Is, err = r.join.is(vars); len(own.Is) == 0 {
			return Plan{}, cmp.Or(err, errors.New("the event is no part of the join"))
		}
		plan.Join = &own
	}
	plan.Steps = make([]Step, len(r.steps))
	for i := range r.steps {
		step, err := r.steps[i].bind(vars, r.directory)
		if err != nil {
			return Plan{}, fmt.Errorf("step %s: %w", r.steps[i].fixed.Name, err)
		}
		plan.Steps[i] = step
	}
	key, err := r.keyFor(plan.Steps, vars)
	plan.Key = key
	return plan, err
}
