package bridge

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// Each test here is a turn of events that a scheduler which does all the rest right can
// still get wrong.

func TestRunLeavingAFreeLaneLetsTheNextOneTry(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	tl.limits.Parallel[qlik.ClassReload] = 9
	tl.limits.Quota[qlik.ClassReload] = Rate{Calls: 2, Per: time.Minute}
	tl.boot(Snapshot{})
	holder := tl.trigger(planOf("holder", "app", rules.Reload))
	call := tl.want(KindCall, holder)
	first := tl.trigger(planOf("first", "app", rules.Reload))
	behind := tl.trigger(planOf("behind", "app", rules.Reload))
	tl.idle() // both wait in the lane
	elsewhere := tl.want(KindCall, tl.trigger(planOf("elsewhere", "another", rules.Reload)))
	tl.done(elsewhere, VerdictFail)
	tl.done(call, VerdictFail)
	tl.idle() // the first was offered the lane and waits for the quota
	if err := tl.s.Cancel(tl.now, first.ID); err != nil {
		t.Fatal(err)
	}
	if command := tl.until(KindCall); command.Run != behind.ID {
		t.Errorf("%s is called, want %s", command.Run, behind.ID)
	}
}

func TestPlanThatChangesWhileGatheringReplacesTheSteps(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("r", "app", rules.Reload)
	plan.Gather.Quiet = time.Minute
	tl.trigger(plan)
	longer := planOf("r", "app", rules.Copy, rules.Reload)
	longer.Gather.Quiet = time.Minute
	run := tl.trigger(longer)
	copied := tl.until(KindCall)
	tl.done(copied, VerdictDone, func(r *Report) { r.Result.AppID = "copy" })
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	tl.state(run, RunSucceeded)
	if run.Causes.Count != 2 {
		t.Errorf("%d causes, want 2", run.Causes.Count)
	}
}

func TestPlanThatChangesItsActionMovesToTheOtherQuota(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	tl.limits.Parallel[qlik.ClassWrite] = 1
	tl.boot(Snapshot{})
	tl.trigger(planOf("r", "app", rules.Copy))
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	tl.state(run, RunSucceeded)
	for class, window := range tl.s.quota {
		if window.flying != 0 {
			t.Errorf("%s has %d calls under way", class, window.flying)
		}
	}
}

func TestTargetThatWasFoundOutlivesALaterTrigger(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("r", "app", rules.Publish)
	run := tl.trigger(plan)
	find := tl.want(KindFind, run)
	tl.done(find, VerdictDone, func(r *Report) { r.Mode, r.Result.AppID = PublishReplace, "twin" })
	tl.trigger(planOf("r", "app", rules.Publish))
	if call := tl.want(KindCall, run); call.Mode != PublishReplace || call.Step.Args.Target != "twin" {
		t.Errorf("publishes %s to target %q", call.Mode, call.Step.Args.Target)
	}
}

func TestFindForAnOldPlanIsNotUsedForTheNewOne(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Publish))
	find := tl.want(KindFind, run)
	other := planOf("r", "app", rules.Publish)
	other.Steps[0].Args.Space = "elsewhere"
	tl.trigger(other)
	tl.done(find, VerdictDone, func(r *Report) { r.Mode, r.Result.AppID = PublishReplace, "twin" })
	tl.want(KindFind, run)
}

func TestRepublishToAGivenTargetIsMadeAgainAfterACrash(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("r", "app", rules.Publish)
	plan.Steps[0].Args.Target = "twin"
	tl.want(KindCall, tl.trigger(plan))
	tl.restart()
	if again := tl.want(KindCall, nil); again.Mode != PublishReplace {
		t.Errorf("the call is made again as %s", again.Mode)
	}
}

func TestLateReloadIsAdoptedWhenQlikRefusesTheNext(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	first := tl.want(KindCall, run)
	tl.done(first, VerdictLost, because(events.ReasonTimeout))
	tl.pass(tl.limits.proven())
	tl.pass(time.Second)
	tl.done(tl.want(KindReconcile, run), VerdictDone)
	tl.done(tl.until(KindCall), VerdictWaitApp, because(events.ReasonPending))
	tl.done(tl.until(KindReconcile), VerdictDone, func(r *Report) {
		r.Listed = []qlik.Reload{{ID: "late", AppID: "app", Type: qlik.TypeExternal, CreationTime: first.At.Add(time.Second)}}
	})
	if run.Steps[0].Result.ReloadID != "late" {
		t.Errorf("step is %s with reload %q", run.Steps[0].State, run.Steps[0].Result.ReloadID)
	}
}

func TestReloadThatQlikListsLateIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(*timeline, Command){
		"no answer":   func(tl *timeline, call Command) { tl.done(call, VerdictLost, because(events.ReasonTransport)) },
		"a take-over": func(tl *timeline, _ Command) { tl.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			tl.limits.Alone = true
			tl.boot(Snapshot{})
			call := tl.want(KindCall, tl.trigger(planOf("r", "app", rules.Reload)))
			lost(tl, call)
			for looks := 1; ; looks++ {
				var listed []qlik.Reload
				if tl.until(KindReconcile); tl.now.Sub(call.At) > 25*time.Second { // as long as Qlik's lists may lag, nearly
					listed = []qlik.Reload{{ID: "r1", AppID: "app", CreationTime: call.At, Status: qlik.ReloadSucceeded}}
				}
				tl.done(Command{Kind: KindReconcile, Run: call.Run, Step: call.Step, Since: call.At}, VerdictDone, func(r *Report) { r.Listed = listed })
				if listed != nil {
					t.Logf("found after %s, by the %dth look", tl.now.Sub(call.At), looks)
					tl.state(tl.s.tasks[call.Run].run(), RunSucceeded)
					return
				}
			}
		})
	}
}

func TestWhatCannotBeLookedForIsHeldAtOnce(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Copy))
	call := tl.want(KindCall, run)
	tl.done(call, VerdictLost, because(events.ReasonTimeout))
	tl.done(tl.until(KindReconcile), VerdictDone, func(r *Report) { r.Sent = false }) // the document's dialect cannot search
	tl.state(run, RunHeld)
	if waited := tl.now.Sub(call.At); waited > time.Second {
		t.Errorf("it was held after %s", waited)
	}
}

func TestSomebodyElsesReloadIsWaitedForWithoutCounting(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("r", "app", rules.Reload)
	plan.Retry.Attempts = 2
	plan.Deadline = 48 * time.Hour
	run := tl.trigger(plan)
	tl.done(tl.want(KindCall, run), VerdictLost, because(events.ReasonTimeout))
	tl.pass(time.Minute)
	tl.done(tl.want(KindReconcile, run), VerdictDone)
	for range 300 {
		tl.done(tl.until(KindCall), VerdictWaitApp, because(events.ReasonPending))
		tl.pass(time.Minute)
		tl.done(tl.until(KindReconcile), VerdictDone)
	}
	tl.state(run, RunRunning)
	if kept := len(run.Steps[0].Attempts); kept > maxAttempts {
		t.Errorf("the record keeps %d attempts", kept)
	}
	if run.Steps[0].Tried != 301 {
		t.Errorf("%d attempts were counted, want 301", run.Steps[0].Tried)
	}
}

func TestEventReadAgainAfterAPartialWriteChangesNothing(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.want(KindCall, run)
	tl.restart()
	if id, opened := tl.s.Admit(tl.now, Cause{Sequence: 1, ID: "e", Time: tl.now}, planOf("r", "app", rules.Reload)); opened || id != "" {
		t.Errorf("the event was admitted again, to %s", id)
	}
}

func TestLanesAreTheOnesTakenAfterARestart(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	late := planOf("late", "source", rules.Reload, rules.Publish)
	first := tl.trigger(late)
	tl.done(tl.want(KindCall, first), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	find := tl.want(KindFind, first)
	other := tl.trigger(planOf("other", "twin", rules.Reload))
	tl.done(tl.want(KindCall, other), VerdictDone, reloadIs("r2", qlik.ReloadReloading))
	tl.done(find, VerdictDone, func(r *Report) { r.Mode, r.Result.AppID = PublishReplace, "twin" })
	tl.restart()
	if holder := tl.s.lanes["twin"].holder; holder.run().ID != other.ID {
		t.Errorf("the lane is held by %s, want %s, whose reload runs", holder.run().Rule, other.Rule)
	}
}

func TestReloadWithoutAStartTimeStartsOnce(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	for range 3 {
		tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	}
	started := 0
	for _, outcome := range run.Outbox {
		if outcome.Type == events.TypeReloadStarted {
			started++
		}
	}
	if started != 1 {
		t.Errorf("the start was told %d times", started)
	}
}

func TestStartOfAReloadSaysNothingOfItsEnd(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadQueued))
	began := tl.now
	tl.done(tl.until(KindPoll), VerdictDone, func(r *Report) {
		r.Reload = &qlik.Reload{ID: "r1", Status: qlik.ReloadFailed, StartTime: began, EndTime: began.Add(time.Second), ErrorCode: "ScriptError"}
	})
	for _, outcome := range run.Outbox {
		if outcome.Type != events.TypeReloadStarted {
			continue
		}
		var data events.ReloadData
		if err := json.Unmarshal(outcome.Data, &data); err != nil || data.Status != "RELOADING" || !data.Started.Equal(began) || !data.Ended.IsZero() || data.ErrorCode != "" {
			t.Errorf("%s, %v", outcome.Data, err)
		}
		return
	}
	t.Error("its start is not told")
}

func TestClockSetBackDoesNotStopARun(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("r", "app", rules.Reload)
	plan.Gather.Quiet = 10 * time.Second
	tl.trigger(plan)
	tl.now = tl.now.Add(-24 * time.Hour)
	tl.restart()
	before := tl.now
	tl.done(tl.until(KindCall), VerdictWaitLong)
	if waited := tl.now.Sub(before); waited > time.Minute {
		t.Errorf("it gathers for %s", waited)
	}
	tl.now = tl.now.Add(-24 * time.Hour)
	tl.restart()
	before = tl.now
	tl.until(KindCall)
	if waited := tl.now.Sub(before); waited > time.Hour {
		t.Errorf("it is put off by %s", waited)
	}
}

func TestPushBeforeTheAnswerIsRemembered(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	call := tl.want(KindCall, run)
	tl.s.Settled(tl.now, qlik.Reload{ID: "r1"})
	tl.pass(30 * time.Second)
	tl.done(call, VerdictDone, reloadIs("r1", qlik.ReloadQueued))
	tl.done(tl.want(KindPoll, run), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	tl.state(run, RunSucceeded)
	tl.s.Settled(tl.now, qlik.Reload{ID: "r1"}) // once more, late
	tl.idle()
}

func TestEachHoldOfARunIsToldByItself(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Copy, rules.Copy))
	hold := func() {
		t.Helper()
		tl.done(tl.until(KindCall), VerdictLost, because(events.ReasonTimeout))
		for run.State != RunHeld {
			tl.done(tl.until(KindReconcile), VerdictDone)
		}
	}
	hold()
	if err := tl.s.Resolve(tl.now, run.ID, ResolveRetry, ""); err != nil {
		t.Fatal(err)
	}
	hold()
	if err := tl.s.Resolve(tl.now, run.ID, ResolveSucceeded, "made"); err != nil {
		t.Fatal(err)
	}
	hold()
	told := map[string]int{}
	for _, outcome := range run.Outbox {
		if outcome.Type == events.TypeRunHeld {
			told[outcome.ID]++
			if outcome.Subject != "runs/"+run.ID || outcome.Key != run.ID {
				t.Errorf("it is told of %s under %s", outcome.Subject, outcome.Key)
			}
		}
	}
	if len(told) != 3 {
		t.Errorf("three holds are told as %v: what has an id that was told is not told again", told)
	}
}
