package bridge

import (
	"math/rand/v2"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// worldPlans draws the rules of one history: every shape of a plan over three
// apps, with policies of its own. Plans of the same rule and key may differ, as
// after a change of the configuration.
func worldPlans(r *rand.Rand) []rules.Plan {
	apps := []string{"app-a", "app-b", "app-c"}
	r.Shuffle(len(apps), func(i, j int) { apps[i], apps[j] = apps[j], apps[i] })
	a, b, c := apps[0], apps[1], apps[2]
	const reload, copying, publish = rules.Reload, rules.Copy, rules.Publish
	plans := []rules.Plan{
		planOf("at-once", a, reload),
		planOf("every", a, reload),
		planOf("quiet", b, reload, reload),
		planOf("quiet", b, reload), // the rule was shorter once
		planOf("thrice", c, reload, reload, reload),
		planOf("rehearse", a, copying, reload, publish),
		planOf("publish", b, reload, publish),
		planOf("replace", c, publish),
		planOf("two-apps", b, reload, reload),
		planOf("endless", c, reload),
		planOf("hasty", a, reload),
		planOf("copies", c, copying),
		planOf("found", b, publish),
		planOf("checked", b, reload, rules.Assert, publish, rules.Emit),
		planOf("tidy", a, copying, reload, rules.Assert, rules.Emit, reload, rules.Delete),
		planOf("moved", c, rules.Move, rules.Emit, rules.Assert, rules.Move),
	}
	plans = append(plans, joinPlans(a, b)...)
	for i := range plans {
		plans[i].Priority = r.IntN(3)
		plans[i].Retry.Attempts = []int{1, 2, 8, 100}[r.IntN(4)]
		plans[i].Retry.On = [][]string{nil, {"FAILED"}, {"FAILED", "EXCEEDED_LIMIT"}}[r.IntN(3)]
		plans[i].Retry.Wait = []time.Duration{time.Second, time.Minute, 10 * time.Minute}[r.IntN(3)]
		plans[i].Deadline = []time.Duration{3 * time.Minute, 20 * time.Minute, 2 * time.Hour}[r.IntN(3)]
	}
	plans[1].Gather.None = true
	quiet := rules.Gather{Quiet: 10 * time.Second, Max: time.Minute}
	plans[2].Gather, plans[3].Gather = quiet, quiet
	plans[3].Key = plans[2].Key
	plans[5].Steps[1].Args.App = ""
	plans[5].Steps[1].Late = map[string]string{"app": "${steps.one.app_id}"}
	plans[7].Steps[0].Args.Target = "twin-of-" + c
	plans[8].Steps[1].Args.App = a
	plans[9].Gather.Quiet = 2 * time.Minute
	plans[9].Deadline = 3 * time.Minute
	plans[10].Deadline = time.Minute
	endings(plans[13], 3, 4)
	endings(plans[14], 3, 5)
	plans[14].Steps[1].Args.App = ""
	plans[14].Steps[1].Late = map[string]string{"app": "${steps.one.app_id}"}
	plans[14].Steps[4].Args.App = b
	plans[14].Steps[5].Args.App, plans[14].Steps[5].Needs = "", []string{"one"}
	plans[14].Steps[5].Late = map[string]string{"app": "${steps.one.app_id}"}
	endings(plans[15], 2, 2)
	plans[15].Steps[3].Args.Space = "attic"
	plans[12].Gather.Quiet = 3 * time.Second
	return plans
}

// endings gives the steps of a plan from one on their turn on failure, and those
// from another on always.
func endings(plan rules.Plan, onFailure, always int) {
	for i := onFailure; i < len(plan.Steps); i++ {
		plan.Steps[i].Turn = rules.OnFailure
		if i >= always {
			plan.Steps[i].Turn = rules.Always
		}
	}
}
