package bridge

import (
	"slices"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// share returns a plan equal to the given one: one that other runs have, where there
// is one. So a hundred thousand runs of few rules hold few plans.
func (s *Scheduler) share(plan *rules.Plan) *rules.Plan {
	key := gatherKey(plan)
	if known := s.plans[key]; known != nil && known.Equal(plan) {
		return known
	}
	if len(s.plans) >= mostRemembered {
		clear(s.plans)
	}
	s.plans[key] = plan
	return plan
}

// ownPlan gives the run a plan of its own, to be changed.
func (r *Run) ownPlan() *rules.Plan {
	own := *r.Plan
	own.Steps = slices.Clone(own.Steps)
	r.Plan = &own
	return r.Plan
}

// share keeps once what many decoded records say in the same words.
func (r *Run) share() {
	r.Tenant, r.Rule, r.State = once(r.Tenant), once(r.Rule), RunState(once(string(r.State)))
	for i := range r.Steps {
		r.Steps[i].State = StepState(once(string(r.Steps[i].State)))
	}
	for i, source := range r.Causes.Sources {
		r.Causes.Sources[i] = once(source)
	}
}
