package rules

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// An Explanation says what one rule makes of one event.
type Explanation struct {
	Rule    string   `json:"rule"`
	Tenant  string   `json:"tenant"`
	Matches bool     `json:"matches"`
	Why     string   `json:"why,omitempty"`   // it does not match, in words
	Parts   []string `json:"parts,omitempty"` // of the rule's join, that the event is
	Plan    *Plan    `json:"plan,omitempty"`  // what it asks for, once its join is complete
	Error   string   `json:"error,omitempty"` // it matches, and cannot be planned: a dead letter
	On      []string `json:"on"`              // the sources it looks at
}

// Explain says for every rule, by name, whether it matches the event, and what it
// would do or why it does not. It is pure.
func (s *Set) Explain(ev Event) []Explanation {
	on := map[string][]string{}
	for _, source := range slices.Sorted(maps.Keys(s.bySource)) {
		for _, rule := range s.bySource[source].rules {
			on[rule.name] = append(on[rule.name], source)
		}
	}
	var all []Explanation
	for _, name := range slices.Sorted(maps.Keys(s.byName)) {
		rule := s.byName[name]
		e := Explanation{Rule: name, Tenant: rule.tenant, On: on[name]}
		if !slices.Contains(on[name], ev.GatewaySource) {
			e.Why = "it looks at other sources"
		} else {
			s.judge(rule, ev, &e)
		}
		all = append(all, e)
	}
	return all
}

func (s *Set) judge(rule *rule, ev Event, e *Explanation) {
	matches, err := rule.matches(&variables{event: &ev})
	switch {
	case errors.Is(err, errMissing):
		e.Why = err.Error()
	case err != nil:
		e.Why = "when: " + err.Error()
	case !matches && rule.join != nil:
		e.Why = "it is none of the parts of its source: " + strings.Join(rule.join.from(ev.GatewaySource), ", ")
	case !matches && rule.when == nil:
		e.Why = "the event's outcome is " + ev.Facts.Outcome + ", and a rule without when wants succeeded"
	case !matches:
		e.Why = "when is false"
	}
	e.Matches = err == nil && matches
	if !e.Matches {
		return
	}
	plan, err := s.Plan(rule.name, ev)
	if err != nil {
		e.Error = err.Error()
		return
	}
	e.Plan = &plan
	if plan.Join != nil {
		e.Parts = plan.Join.Is
	}
}
