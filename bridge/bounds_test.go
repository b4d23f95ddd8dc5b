package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

func TestWhateverAScriptSaysFitsARecordAndHoldsNoSecret(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	said := "cannot connect: user=sa;password=hunter2;" + strings.Repeat("long ", 200_000)
	tl.done(tl.want(KindCall, run), VerdictDone, func(r *Report) {
		r.Reload = &qlik.Reload{ID: "r1", AppID: "app", Status: qlik.ReloadFailed, ErrorCode: "ScriptError", ErrorMessage: said}
	})
	tl.state(run, RunFailed)
	tl.s.Foreign(tl.now, Cause{ID: "e"}, "r2")
	tl.done(tl.until(KindLook), VerdictDone, func(r *Report) {
		r.Reload = &qlik.Reload{ID: "r2", AppID: "app", Type: "hub", Status: qlik.ReloadFailed, ErrorMessage: said}
	})
	outbox, _ := tl.s.TenantOutbox()
	for name, value := range map[string]any{"run": run, "outbox": outbox} {
		text, err := json.Marshal(value)
		if err != nil || len(text) > 64<<10 {
			t.Errorf("the %s takes %d bytes, %v: the broker takes a message of 1 MiB", name, len(text), err)
		}
		if !strings.Contains(string(text), "cannot connect") || strings.Contains(string(text), "hunter2") {
			t.Errorf("the %s says %.2000s", name, text)
		}
	}
}

func TestArgumentsThatAreMadeLateFitARecord(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := part(twoOf, "dbt", "crm")
	plan.Steps[0].Late = map[string]string{"variables.RUN": "${events.dbt.run_id}"}
	run := tl.trigger(plan)
	tl.done(tl.want(KindResolve, run), VerdictDone, func(r *Report) {
		r.Steps = slices.Clone(r.Command.Steps)
		r.Steps[0].Late, r.Steps[0].Args.Variables = nil, map[string]string{"RUN": strings.Repeat("x", largestPlan)}
	})
	tl.state(run, RunFailed)
	if text, err := json.Marshal(run); err != nil || len(text) > largestPlan || run.Reason != events.ReasonBadArgument {
		t.Errorf("it takes %d bytes, and failed for %s, %v", len(text), run.Reason, err)
	}
}

func TestForeignReloadsThatWaitFitARecord(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	long := strings.Repeat("x", 2048)
	for i := range 2 * mostForeign {
		tl.s.Foreign(tl.now, Cause{ID: long, Time: tl.now}, fmt.Sprintf("%024x", i))
	}
	tl.s.Foreign(tl.now, Cause{ID: "e", Time: tl.now}, long) // no reload of Qlik's
	waiting, _ := tl.s.Foreigners()
	text, err := json.Marshal(waiting)
	if err != nil || len(text) > 768<<10 || len(waiting) != mostForeign || strings.Contains(string(text), long) {
		t.Errorf("%d reloads take %d bytes, %v", len(waiting), len(text), err)
	}
}

func TestNothingIsRememberedForEver(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	for i := range 3 * mostRemembered {
		tl.s.Settled(tl.now, qlik.Reload{ID: fmt.Sprint("pushed-", i)})
		run := tl.trigger(planOf("r", fmt.Sprint("app-", i), rules.Reload))
		tl.done(tl.until(KindCall), VerdictDone, reloadIs(fmt.Sprint("reload-", i), qlik.ReloadSucceeded))
		tl.s.Touched()
		tl.s.Told(run.ID)
	}
	for name, n := range map[string]int{
		"runs": len(tl.s.tasks), "joinable": len(tl.s.joinable), "lanes": len(tl.s.lanes), "wakes": len(tl.s.wakes),
		"reloads": len(tl.s.reloads), "ours": len(tl.s.ours.at), "pushed": len(tl.s.pushed.at), "rules": len(tl.s.admitted),
	} {
		if n > mostRemembered {
			t.Errorf("%d %s are kept", n, name)
		}
	}
}
