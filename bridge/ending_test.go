package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// tidy copies, reloads and publishes, emits on failure, and deletes the copy always.
func tidy() rules.Plan {
	plan := planOf("tidy", "app", rules.Copy, rules.Reload, rules.Emit, rules.Delete)
	endings(plan, 2, 3)
	plan.Steps[3].Needs = []string{"one"}
	return plan
}

func TestExpiredRunHasTimeForItsEndings(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(tidy())
	tl.done(tl.want(KindCall, run), VerdictDone, func(r *Report) { r.Result.AppID = "copy" })
	tl.pass(3 * time.Hour) // beyond its deadline
	if emit := tl.want(KindCall, run); emit.Step.Action != rules.Emit {
		t.Fatalf("%s comes after the deadline", emit.Step.Action)
	} else {
		tl.done(emit, VerdictDone)
	}
	tl.restart()
	run = tl.s.tasks[run.ID].run()
	tl.state(run, RunRunning)
	tl.done(tl.until(KindCall), VerdictFail, because(events.ReasonForbidden))
	tl.state(run, RunExpired)
	if run.Reason != events.ReasonDeadline || run.Steps[1].State != StepCanceled || run.Steps[3].State != StepFailed {
		t.Errorf("ended %+v", run)
	}
}

func TestEndingAboutAStepThatDidNotSucceedIsLeftOut(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(tidy())
	tl.done(tl.want(KindCall, run), VerdictFail, because(events.ReasonForbidden))
	tl.done(tl.want(KindCall, run), VerdictDone)
	tl.state(run, RunFailed)
	if run.Steps[2].State != StepSucceeded || run.Steps[3].State != StepCanceled || run.Reason != events.ReasonForbidden {
		t.Errorf("ended %+v", run)
	}
}

func TestCancelInTheEndingsEndsTheRun(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(tidy())
	tl.done(tl.want(KindCall, run), VerdictDone, func(r *Report) { r.Result.AppID = "copy" })
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadFailed))
	tl.state(run, RunRunning)
	if err := tl.s.Cancel(tl.now, run.ID); err != nil {
		t.Fatal(err)
	}
	tl.state(run, RunFailed)
	if run.Reason != events.ReasonReloadFailed || run.Steps[3].State == StepSucceeded {
		t.Errorf("ended %+v", run)
	}
	before := tl.trigger(tidy())
	if err := tl.s.Cancel(tl.now, before.ID); err != nil {
		t.Fatal(err)
	}
	tl.state(before, RunCanceled) // it had not begun
}

func TestFailedAlwaysStepFailsARunThatWouldSucceed(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("moved", "app", rules.Move, rules.Emit, rules.Delete)
	endings(plan, 1, 2)
	run := tl.trigger(plan)
	tl.done(tl.want(KindCall, run), VerdictDone)
	if last := tl.want(KindCall, run); last.Step.Action != rules.Delete {
		t.Fatalf("%s comes after a success", last.Step.Action)
	} else {
		tl.done(last, VerdictFail, because(events.ReasonNotFound))
	}
	tl.state(run, RunFailed)
	if run.Reason != events.ReasonNotFound || run.Steps[1].State != StepWaiting {
		t.Errorf("ended %+v", run)
	}
}
