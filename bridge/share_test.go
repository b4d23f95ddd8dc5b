package bridge

import (
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

func TestRunsOfOneRuleShareTheirPlanUntilOneChanges(t *testing.T) {
	t.Parallel()
	s, now := benchScheduler()
	admit := func(sequence uint64) *Run {
		plan := planOf("refresh", "app", rules.Reload)
		plan.Gather.None = true
		id, _ := s.Admit(now, Cause{Sequence: sequence, ID: "e", Time: now}, plan)
		return s.tasks[id].run()
	}
	first, second := admit(1), admit(2)
	if first == second || first.Plan != second.Plan {
		t.Errorf("two runs of one rule have the plans %p and %p", first.Plan, second.Plan)
	}
	first.ownPlan().Steps[0].Args.Target = "found"
	if got := second.Plan.Steps[0].Args.Target; got != "" {
		t.Errorf("what was found for one run became %q in the other", got)
	}
	if third := admit(3); third.Plan != second.Plan {
		t.Error("the plan that runs share was changed with the run's own")
	}
}
