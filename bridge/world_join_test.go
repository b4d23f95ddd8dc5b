package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// joinPlans are the plans of two joins' parts: one expires without all of them, and
// takes its app from one; the other goes with what is there.
func joinPlans(a, b string) []rules.Plan {
	var plans []rules.Plan
	for _, part := range []string{"left", "right"} {
		plan := planOf("both", a, rules.Reload, rules.Reload, rules.Emit, rules.Emit)
		endings(plan, 2, 3)
		plan.Join = &rules.Join{Parts: []string{"left", "right"}, Need: 2, Within: 2 * time.Minute, Is: []string{part}}
		plan.Steps[1].Args.App = ""
		plan.Steps[1].Late = map[string]string{"app": "${events.left.data.app}"}
		plans = append(plans, plan)
	}
	for _, parts := range [][]string{{"x"}, {"y"}, {"y", "z"}} {
		plan := planOf("two-of-three", b, rules.Reload)
		plan.Join = &rules.Join{Parts: []string{"x", "y", "z"}, Need: 2, Within: 40 * time.Second, Go: true, Is: parts}
		plans = append(plans, plan)
	}
	return plans
}

// resolveJoin makes a join's arguments of its events, which must be the newest of
// each part: the journal knows.
func (q *tenant) resolveJoin(command Command, report *Report) {
	report.Steps = slices.Clone(command.Steps)
	for i := range report.Steps {
		if report.Steps[i].Late != nil {
			report.Steps[i].Late, report.Steps[i].Args.App = nil, appOfLeft(command.Parts)
		}
	}
}

// appOfLeft is what the events of the part left say.
func appOfLeft(parts map[string]uint64) string { return "app-" + string(rune('a'+parts["left"]%3)) }

// joins holds that a run of a join went with enough parts or at its end, each the
// newest of its causes that is that part, that it expired only without, and that every
// run comes from as many runs as its causes.
func (w *world) joins(run *Run) {
	hops := 0
	for _, sequence := range run.Causes.Sequences() {
		hops = max(hops, w.journal[sequence-1].cause.Hops)
	}
	if run.Hops != hops {
		w.violated("join", "run %s counts %d hops, its causes %d", run.ID, run.Hops, hops)
	}
	if run.Plan.Join == nil {
		return
	}
	newest := map[string]uint64{}
	for _, sequence := range run.Causes.Sequences() {
		for _, part := range w.journal[sequence-1].plan.Join.Is {
			newest[part] = sequence
		}
	}
	for part, sequence := range newest {
		if run.Parts[part] != sequence {
			w.violated("join", "run %s has event %d as its %s, the newest is %d", run.ID, run.Parts[part], part, sequence)
		}
	}
	enough, began := len(newest) >= run.Plan.Join.Need, run.Steps[0].Tried > 0
	switch {
	case run.Rule == "both" && began && run.Plan.Steps[1].Args.App != appOfLeft(newest):
		w.violated("join", "run %s took app %s of an older event", run.ID, run.Plan.Steps[1].Args.App)
	case began && !enough && !run.Plan.Join.Go:
		w.violated("join", "run %s went with %v only", run.ID, newest)
	case run.Reason == "join_expired" && (enough || began):
		w.violated("join", "run %s expired with %v", run.ID, newest)
	}
}
