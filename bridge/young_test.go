package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

func TestAppThatWasJustMadeMayBeDeniedForAWhile(t *testing.T) {
	t.Parallel()
	for _, reason := range []events.Reason{events.ReasonNotFound, events.ReasonForbidden} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			plan := planOf("r", "app", rules.Copy, rules.Reload)
			plan.Retry.Attempts = 2
			plan.Steps[1].Args.App, plan.Steps[1].Late = "", map[string]string{"app": "${steps.one.app_id}"}
			run := tl.trigger(plan)
			tl.done(tl.want(KindCall, run), VerdictDone, func(r *Report) { r.Result.AppID = "made" })
			made := tl.now
			tl.done(tl.want(KindResolve, run), VerdictDone, func(r *Report) { r.Step = rules.Step{Name: "two", Action: rules.Reload, Args: rules.Args{App: "made"}} })
			denied := 0
			for run.State == RunRunning {
				tl.done(tl.until(KindCall), VerdictFail, because(reason))
				denied++
			}
			if lasted := tl.now.Sub(made); lasted < tl.limits.Young || lasted > tl.limits.Young+time.Minute || denied > 20 {
				t.Errorf("it was believed after %s and %d calls", lasted, denied)
			}
			tl.state(run, RunFailed)
			other := tl.trigger(planOf("other", "app", rules.Reload))
			tl.done(tl.until(KindCall), VerdictFail, because(reason))
			tl.state(other, RunFailed) // nobody has just made that one
		})
	}
}

// TestAppThatWasJustMadeIsPublishedAnewAtOnce: that there is nothing to replace is no
// denial of the app, however young it is.
func TestAppThatWasJustMadeIsPublishedAnewAtOnce(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := planOf("r", "app", rules.Copy, rules.Publish)
	plan.Steps[1].Args.App, plan.Steps[1].Args.Space, plan.Steps[1].Late = "", "space", map[string]string{"app": "${steps.one.app_id}"}
	run := tl.trigger(plan)
	tl.done(tl.want(KindCall, run), VerdictDone, func(r *Report) { r.Result.AppID = "made" })
	tl.done(tl.want(KindResolve, run), VerdictDone, func(r *Report) {
		r.Step = rules.Step{Name: "two", Action: rules.Publish, Args: rules.Args{App: "made", Space: "space"}}
	})
	tl.done(tl.want(KindFind, run), VerdictDone, func(r *Report) { r.Sent, r.Mode = false, PublishTry })
	tl.done(tl.want(KindCall, run), VerdictFail, because(events.ReasonNotFound))
	call := tl.want(KindCall, run)
	if call.Mode != PublishNew {
		t.Errorf("it is published as %q, want %q", call.Mode, PublishNew)
	}
	tl.done(call, VerdictDone, func(r *Report) { r.Result.AppID = "published" })
	tl.state(run, RunSucceeded)
}
