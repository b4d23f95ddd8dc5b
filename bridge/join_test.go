package bridge

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// part is the plan of an event that is some parts of the join of dbt, crm and erp.
func part(edit func(*rules.Join), names ...string) rules.Plan {
	plan := planOf("joined", "app", rules.Reload)
	plan.Join = &rules.Join{Parts: []string{"crm", "dbt", "erp"}, Need: 3, Within: time.Hour, Is: names}
	edit(plan.Join)
	return plan
}

func whole(*rules.Join)   {}
func twoOf(j *rules.Join) { j.Need = 2 }
func goes(j *rules.Join)  { j.Go = true }

func TestJoinWaitsForItsParts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		join    func(*rules.Join)
		parts   [][]string // one every ten minutes
		after   time.Duration
		missing []string
		state   RunState
		reason  events.Reason
	}{
		"all of them":                    {whole, [][]string{{"dbt"}, {"crm"}, {"erp"}}, 20 * time.Minute, nil, RunRunning, ""},
		"one event that is two":          {whole, [][]string{{"dbt", "erp"}, {"crm"}}, 10 * time.Minute, nil, RunRunning, ""},
		"one part twice is not two":      {whole, [][]string{{"dbt"}, {"dbt"}, {"crm"}}, time.Hour, []string{"erp"}, RunExpired, events.ReasonJoinExpired},
		"any two":                        {twoOf, [][]string{{"erp"}, {"dbt"}}, 10 * time.Minute, []string{"crm"}, RunRunning, ""},
		"any two of one":                 {twoOf, [][]string{{"erp"}}, time.Hour, []string{"crm", "dbt"}, RunExpired, events.ReasonJoinExpired},
		"what is there goes at the end":  {goes, [][]string{{"erp"}}, time.Hour, []string{"crm", "dbt"}, RunRunning, ""},
		"it goes at once when it is all": {goes, [][]string{{"erp"}, {"crm", "dbt"}}, 10 * time.Minute, nil, RunRunning, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			began := tl.now
			var run *Run
			for i, names := range test.parts {
				if i > 0 {
					tl.idle()
					tl.pass(10 * time.Minute)
				}
				run = tl.trigger(part(test.join, names...))
				tl.restart()
				run = tl.s.tasks[run.ID].run()
			}
			for !run.State.Ended() && run.State != RunRunning {
				command, again := tl.s.Next(tl.now)
				if command.Kind == KindNone && again.After(tl.now) {
					tl.now = again
				}
			}
			if run.State != test.state || run.Reason != test.reason || tl.now.Sub(began) != test.after || !slices.Equal(run.Missing(), test.missing) {
				t.Errorf("%s %s after %s, missing %v", run.State, run.Reason, tl.now.Sub(began), run.Missing())
			}
			if run.Causes.Count != len(test.parts) {
				t.Errorf("%d causes, want %d", run.Causes.Count, len(test.parts))
			}
		})
	}
}

func TestNewestEventOfAPartCountsUntilTheFirstCall(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	other := tl.trigger(planOf("other", "app", rules.Reload))
	tl.done(tl.want(KindCall, other), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	plan := part(twoOf, "dbt")
	plan.Steps[0].Late = map[string]string{"variables.RUN": "${events.dbt.run_id}"}
	run := tl.trigger(plan)
	both := plan
	both.Join = part(twoOf, "crm").Join
	tl.trigger(both)
	resolve := tl.until(KindResolve)
	if want := map[string]uint64{"dbt": 2, "crm": 3}; !maps.Equal(resolve.Parts, want) {
		t.Errorf("resolves with %v, want %v", resolve.Parts, want)
	}
	tl.trigger(plan) // the app is busy: a newer dbt comes in time
	bound := func(r *Report) {
		r.Steps = slices.Clone(r.Command.Steps)
		r.Steps[0].Late = nil
	}
	tl.done(resolve, VerdictDone, bound)
	again := tl.until(KindResolve)
	if again.Parts["dbt"] != 4 || again.Parts["crm"] != 3 {
		t.Errorf("resolves with %v after a newer dbt", again.Parts)
	}
	if needs := tl.s.Needs(); needs != 3 {
		t.Errorf("the journal is needed from %d, want 3", needs)
	}
	tl.done(again, VerdictDone, bound)
	tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	tl.want(KindCall, run)
	if next := tl.trigger(plan); next == run || run.Causes.Count != 3 || len(next.Missing()) != 2 {
		t.Errorf("a part after the first call joined a run of %d causes", run.Causes.Count)
	}
}

// TestPartThatCameTooLateBeginsAnotherJoin holds for the journal's clock: it makes no
// difference when the gateway, stopped meanwhile, reads the event.
func TestPartThatCameTooLateBeginsAnotherJoin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after time.Duration // the second part
		join  bool
	}{"in time": {time.Hour - time.Second, true}, "late": {time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			run := tl.trigger(part(twoOf, "dbt"))
			came := tl.now.Add(test.after)
			tl.pass(100 * time.Minute) // nobody worked meanwhile
			tl.s.caughtUp = false
			tl.idle()
			tl.s.Admit(tl.now, Cause{Sequence: 2, ID: "e", Time: came}, part(twoOf, "crm"))
			tl.s.CaughtUp(tl.now)
			if test.join {
				tl.want(KindCall, run)
				return
			}
			tl.state(run, RunExpired)
			if len(tl.s.tasks) != 2 || run.Reason != events.ReasonJoinExpired {
				t.Errorf("%d runs, the first ended with %s", len(tl.s.tasks), run.Reason)
			}
			if told := run.Outbox[len(run.Outbox)-1]; told.Type != events.TypeRunExpired {
				t.Errorf("told %s", told.Type)
			}
		})
	}
}

// TestExpiredJoinHasItsStepsOnFailure: these are what the rule's author wants when parts do
// not come. Those under always are for runs that began.
func TestExpiredJoinHasItsStepsOnFailure(t *testing.T) {
	t.Parallel()
	waiting := func() rules.Plan {
		plan := planOf("joined", "app", rules.Reload, rules.Emit, rules.Emit, rules.Emit)
		plan.Join = part(whole, "dbt").Join
		plan.Steps[0].Late = map[string]string{"variables.RUN": "${events.crm.run_id}"}
		plan.Steps[1].Late = map[string]string{"data.run": "${events.dbt.run_id}"}
		plan.Steps[2].Late = map[string]string{"data.run": "${events.crm.run_id}"} // which did not come
		endings(plan, 1, 3)
		return plan
	}
	for name, expire := range map[string]func(*timeline){
		"at its end":                func(tl *timeline) { tl.pass(time.Hour) },
		"by a part that comes late": func(tl *timeline) { tl.pass(time.Hour); tl.trigger(waiting()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			run := tl.trigger(waiting())
			expire(tl)
			first := tl.want(KindResolve, run)
			if len(first.Steps) != 1 || first.Steps[0].Name != "two" {
				t.Fatalf("resolves %v, want the step that has its turn alone", first.Steps)
			}
			tl.done(first, VerdictDone, func(r *Report) {
				r.Steps = []rules.Step{{Name: "two", Action: rules.Emit, Turn: rules.OnFailure, Args: rules.Args{Type: "com.example.told"}}}
			})
			tl.restart()
			run = tl.s.tasks[run.ID].run()
			tl.done(tl.want(KindCall, run), VerdictDone)
			tl.done(tl.want(KindResolve, run), VerdictFail, because(events.ReasonBadArgument))
			tl.state(run, RunExpired)
			var states []StepState
			for _, step := range run.Steps {
				states = append(states, step.State)
			}
			if want := []StepState{StepCanceled, StepSucceeded, StepFailed, StepWaiting}; !slices.Equal(states, want) || run.Reason != events.ReasonJoinExpired {
				t.Errorf("ended for %s with steps %v, want %v", run.Reason, states, want)
			}
		})
	}
}

func TestOpenJoinIsListedWithWhatIsMissing(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	tl.trigger(part(whole, "dbt"))
	parked := tl.s.Status(tl.now).Parked
	if len(parked) != 1 || parked[0].Wait != WaitParts || !slices.Equal(parked[0].Missing, []string{"crm", "erp"}) || !parked[0].Until.Equal(tl.now.Add(time.Hour)) {
		t.Errorf("%+v", parked)
	}
}
