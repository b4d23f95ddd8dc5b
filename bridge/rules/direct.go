package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// DirectRule stands for a rule in runs that were asked for without one. The event
// that asks has the definition as its data.
const DirectRule = "direct"

// ForeignRule stands for a rule with events by which Qlik says that a reload is over:
// where it was nobody of ours who started it, its end is told.
const ForeignRule = "foreign"

// direct plans what an event itself asks for: its data is a Definition without
// name, on and when. What its source may ask for is enforced as for a rule.
func (s *Set) direct(ev Event) (Plan, error) {
	text, err := json.Marshal(ev.Decoded())
	if err != nil {
		return Plan{}, fmt.Errorf("plan a direct run: %w", err)
	}
	var def Definition
	if err := json.Unmarshal(text, &def); err != nil {
		return Plan{}, fmt.Errorf("plan a direct run: %w", err)
	}
	if def.Name != "" || len(def.On.Names()) > 0 || def.When != "" || def.Gather != (GatherDefinition{}) {
		return Plan{}, errors.New("plan a direct run: expected tenant, do, on_failure, always, app, priority, retry and deadline, and no name, on, when or gather")
	}
	if s.directory == nil {
		return Plan{}, fmt.Errorf("plan a direct run: %w", ErrNoRule)
	}
	l, err := newLanguage()
	if err != nil {
		return Plan{}, err
	}
	c := &compiler{language: l, directory: s.directory, names: s.names, targets: map[string]string{}}
	def.On = On{Sources: []string{ev.GatewaySource}}
	def.Name = DirectRule
	def.Gather = GatherDefinition{None: true} // who asks for a run gets that run
	r := c.rule(def)
	if err := s.directory.permitTenant(ev.GatewaySource, r.tenant); err != nil {
		return Plan{}, fmt.Errorf("plan a direct run: %w", err)
	}
	for _, step := range r.steps {
		if err := s.directory.permit(ev.GatewaySource, step.fixed); err != nil && signatureOf(step.fixed.Action) != nil {
			return Plan{}, fmt.Errorf("plan a direct run: %w", err)
		}
	}
	i := slices.IndexFunc(c.problems, func(p Problem) bool { return !p.Warning && !slices.Equal(p.Path, []string{"name"}) })
	if i >= 0 {
		return Plan{}, fmt.Errorf("plan a direct run: %s", c.problems[i])
	}
	plan, err := r.planFor(&variables{event: &ev})
	if err != nil {
		return Plan{}, fmt.Errorf("plan a direct run: %w", err)
	}
	return plan, nil
}
