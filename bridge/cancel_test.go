package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func TestLostCallAtItsDeadlineIsStillFoundOutAbout(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	call := tl.want(KindCall, run)
	next := tl.trigger(planOf("next", "app", rules.Reload))
	tl.pass(run.Plan.Deadline)
	next.Plan.Deadline *= 2
	tl.done(call, VerdictLost)
	seek := tl.until(KindReconcile)
	tl.done(seek, VerdictDone, func(r *Report) {
		r.Listed = []qlik.Reload{{ID: "r1", AppID: "app", Type: qlik.TypeExternal, CreationTime: call.At}}
	})
	cancel := tl.want(KindCancel, run)
	if cancel.ReloadID != "r1" {
		t.Errorf("cancels %q", cancel.ReloadID)
	}
	tl.done(cancel, VerdictDone)
	tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadCanceled))
	tl.state(run, RunExpired)
	tl.want(KindCall, next)
}

func TestCancelThatQlikDidNotTakeIsMadeAgain(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadQueued))
	if err := tl.s.Cancel(tl.now, run.ID); err != nil {
		t.Fatal(err)
	}
	tl.done(tl.want(KindCancel, run), VerdictRetry)
	for again := false; !again; {
		command, at := tl.s.Next(tl.now)
		switch command.Kind {
		case KindPoll:
			tl.done(command, VerdictDone, reloadIs("r1", qlik.ReloadReloading))
		case KindCancel:
			again = true
		default:
			tl.now = at
		}
		if run.State.Ended() {
			t.Fatalf("run is %s and its reload was not canceled", run.State)
		}
	}
}

func TestCancelEndsARunWhereverItStands(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	waiting := planOf("gathers", "a", rules.Reload)
	waiting.Gather.Quiet = time.Hour
	gathering := tl.trigger(waiting)
	calling := tl.trigger(planOf("calls", "b", rules.Reload))
	call := tl.want(KindCall, calling)
	ready := tl.trigger(planOf("ready", "b", rules.Reload))
	for _, run := range []*Run{gathering, calling, ready} {
		if err := tl.s.Cancel(tl.now, run.ID); err != nil {
			t.Fatal(err)
		}
	}
	tl.state(gathering, RunCanceled)
	tl.state(ready, RunCanceled)
	if again := tl.trigger(waiting); again.ID == gathering.ID {
		t.Error("a trigger joined a canceled run")
	}
	tl.done(call, VerdictAgain)
	tl.state(calling, RunCanceled)
	if err := tl.s.Cancel(tl.now, calling.ID); err == nil {
		t.Error("a run that has ended was canceled again")
	}
}
