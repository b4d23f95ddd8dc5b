package bridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// retried reloads, and starts again what FAILED a minute ago.
func retried(attempts int) rules.Plan {
	plan := planOf("r", "app", rules.Reload)
	plan.Retry.On, plan.Retry.Wait, plan.Retry.Attempts = []string{"FAILED"}, time.Minute, attempts
	return plan
}

// ends says of a run which reload outcomes wait to be told, by attempt.
func ends(run *Run) (ids []string) {
	for _, outcome := range run.Outbox {
		if kind := strings.TrimPrefix(outcome.Type, events.TypePrefix); kind == "reload.failed" || kind == "reload.succeeded" {
			ids = append(ids, strings.TrimPrefix(outcome.ID, run.ID+"/"))
		}
	}
	return ids
}

func TestReloadThatFailedIsStartedAgainUntilItSucceeds(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(retried(3))
	other := tl.trigger(planOf("other", "app", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadFailed))
	for n, how := range []qlik.ReloadStatus{qlik.ReloadFailed, qlik.ReloadSucceeded} {
		tl.state(run, RunRunning)
		if n == 1 {
			tl.restart()
			run, other = tl.s.tasks[run.ID].run(), tl.s.tasks[other.ID].run()
		}
		ended := tl.now
		call := tl.until(KindCall)
		if call.Run != run.ID || tl.now.Sub(ended) != time.Minute {
			t.Fatalf("run %s is called %s after the end of the reload before", call.Rule, tl.now.Sub(ended))
		}
		tl.done(call, VerdictDone, reloadIs([]string{"r2", "r3"}[n], how))
	}
	tl.state(run, RunSucceeded)
	want := []string{"one/1/reload.failed", "one/2/reload.failed", "one/3/reload.succeeded"}
	if got := ends(run); !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	tl.want(KindCall, other)
}

func TestLastEndCountsWhenTheAttemptsAreUsedUp(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(retried(2))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadFailed))
	tl.done(tl.until(KindCall), VerdictDone, reloadIs("r2", qlik.ReloadFailed))
	tl.state(run, RunFailed)
	if run.Reason != events.ReasonReloadFailed || run.Steps[0].Tried != 2 {
		t.Errorf("ended by %s after %d attempts", run.Reason, run.Steps[0].Tried)
	}
}

func TestOnlyTheEndsThatARuleNamesAreStartedAgain(t *testing.T) {
	t.Parallel()
	short := retried(3)
	short.Deadline = time.Minute
	for name, test := range map[string]struct {
		plan   rules.Plan
		status qlik.ReloadStatus
		want   RunState
	}{
		"canceled":                   {retried(3), qlik.ReloadCanceled, RunCanceled},
		"not named":                  {retried(3), qlik.ReloadExceededLimit, RunFailed},
		"the deadline comes earlier": {short, qlik.ReloadFailed, RunFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			run := tl.trigger(test.plan)
			tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", test.status))
			tl.state(run, test.want)
		})
	}
}

func TestLostAttemptIsNotTakenForTheReloadBeforeIt(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(retried(3))
	first := tl.want(KindCall, run)
	tl.done(first, VerdictLost)
	failed := qlik.Reload{ID: "r1", AppID: "app", Type: qlik.TypeExternal, CreationTime: first.At, Status: qlik.ReloadFailed}
	listed := func(r *Report) { r.Listed = []qlik.Reload{failed} }
	tl.done(tl.until(KindReconcile), VerdictDone, listed)
	tl.done(tl.until(KindCall), VerdictLost)
	tl.restart()
	run = tl.s.tasks[run.ID].run()
	seek := tl.until(KindReconcile)
	if !seek.Since.After(first.At) {
		t.Errorf("looks for reloads since %s, the call was at %s", seek.Since, run.Steps[0].attempt().CalledAt)
	}
	tl.done(seek, VerdictDone, listed)
	if step := run.Steps[0]; step.State != StepCalling {
		t.Errorf("the second attempt is %s with reload %q", step.State, step.Result.ReloadID)
	}
}
