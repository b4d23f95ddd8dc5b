package bridge

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// limited returns a timeline with limits for the app "app" and the tenant.
func limited(t *testing.T, app AppLimit, tenant int) *timeline {
	t.Helper()
	tl := newTimeline(t, Snapshot{})
	tl.limits.Apps, tl.limits.DailyBudget = map[string]AppLimit{"app": app}, tenant
	tl.boot(Snapshot{})
	return tl
}

// reload carries out a waiting run's reload at once.
func (tl *timeline) reload(run *Run) {
	tl.t.Helper()
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs(run.ID, qlik.ReloadSucceeded))
	tl.state(run, RunSucceeded)
	tl.tell()
}

// waits holds why a run waits, until when, over a restart.
func (tl *timeline) waits(run *Run, why Wait, until time.Time) *Run {
	tl.t.Helper()
	for range 2 {
		if again := tl.idle(); !again.Equal(until) {
			tl.t.Fatalf("it is looked at again at %s, want %s", again, until)
		}
		parked := tl.s.Status(tl.now).Parked
		if len(parked) != 1 || parked[0].Wait != why || !parked[0].Until.Equal(until) {
			tl.t.Fatalf("parked: %+v, want %s until %s", parked, why, until)
		}
		tl.restart()
	}
	return tl.s.tasks[run.ID].run()
}

func patient(app string) rules.Plan {
	plan := planOf(app, app, rules.Reload)
	plan.Deadline = 48 * time.Hour
	return plan
}

func TestStartsOfAnAppKeepTheirInterval(t *testing.T) {
	t.Parallel()
	tl := limited(t, AppLimit{MinInterval: 15 * time.Minute}, 0)
	first := tl.now
	tl.reload(tl.trigger(patient("app")))
	tl.pass(time.Minute)
	run := tl.trigger(patient("app"))
	tl.reload(tl.trigger(patient("other")))
	run = tl.waits(run, WaitInterval, first.Add(15*time.Minute))
	tl.now = first.Add(15 * time.Minute)
	tl.reload(run)
}

func TestIntervalHoldsForARunThatWaitedForTheApp(t *testing.T) {
	t.Parallel()
	tl := limited(t, AppLimit{MinInterval: time.Hour}, 0)
	first := tl.trigger(patient("app"))
	plan := patient("app")
	plan.Rule = "another"
	second := tl.trigger(plan)
	call := tl.want(KindCall, first)
	tl.idle()
	tl.pass(time.Minute)
	tl.done(call, VerdictDone, reloadIs("r", qlik.ReloadSucceeded))
	tl.tell()
	tl.waits(second, WaitInterval, call.At.Add(time.Hour))
}

// TestDailyBudgetRolls uses an app's budget up: what comes then waits, says why, and
// goes as soon as the oldest start is a day old.
func TestDailyBudgetRolls(t *testing.T) {
	t.Parallel()
	tl := limited(t, AppLimit{DailyBudget: 5}, 0)
	first := tl.now
	for range 5 {
		tl.reload(tl.trigger(patient("app")))
		tl.pass(time.Hour)
	}
	run := tl.waits(tl.trigger(patient("app")), WaitBudget, first.Add(24*time.Hour))
	tl.now = first.Add(24 * time.Hour)
	tl.reload(run)
	tl.waits(tl.trigger(patient("app")), WaitBudget, first.Add(25*time.Hour))
}

func TestTenantsBudgetCountsAllApps(t *testing.T) {
	t.Parallel()
	tl := limited(t, AppLimit{}, 3)
	first := tl.now
	for _, app := range []string{"a", "b", "c"} {
		tl.reload(tl.trigger(patient(app)))
	}
	tl.waits(tl.trigger(patient("d")), WaitBudget, first.Add(24*time.Hour))
}

func TestReloadThatQlikRefusedUsesNoBudget(t *testing.T) {
	t.Parallel()
	tl := limited(t, AppLimit{DailyBudget: 1, MinInterval: time.Hour}, 1)
	run := tl.trigger(patient("app"))
	tl.done(tl.want(KindCall, run), VerdictWaitApp, because(events.ReasonPending))
	tl.restart()
	tl.pass(tl.limits.Pending)
	tl.reload(tl.s.tasks[run.ID].run())
}

// TestBudgetIsToldAtFourFifthsAndAtItsEnd holds that each is told once, however the
// window rolls, and again after the budget was free.
func TestBudgetIsToldAtFourFifthsAndAtItsEnd(t *testing.T) {
	t.Parallel()
	tl := limited(t, AppLimit{DailyBudget: 10}, 0)
	told := map[string]int{}
	collect := func() {
		outbox, _ := tl.s.TenantOutbox()
		for _, outcome := range outbox {
			var data events.BudgetData
			if err := json.Unmarshal(outcome.Data, &data); err != nil || data.App == nil || data.App.ID != "app" || data.Budget != 10 {
				t.Errorf("%s: %+v, %v", outcome.Type, data, err)
			}
			if told[outcome.Type]++; outcome.Type == events.TypeBudgetWarned && data.Used != 8 || outcome.Type == events.TypeBudgetExhausted && (data.Used != 10 || data.FreeAt.IsZero()) {
				t.Errorf("%s: %+v", outcome.Type, data)
			}
		}
		tl.s.TenantTold(len(outbox))
	}
	for range 40 {
		run := tl.trigger(patient("app"))
		tl.now = tl.idleOrNow()
		tl.reload(run)
		collect()
		tl.restart()
		tl.pass(time.Hour)
	}
	if told[events.TypeBudgetWarned] != 1 || told[events.TypeBudgetExhausted] != 1 {
		t.Errorf("told while the budget stays used up: %v", told)
	}
	tl.pass(24 * time.Hour)
	for range 10 {
		tl.reload(tl.trigger(patient("app")))
		collect()
		tl.pass(time.Second)
	}
	if told[events.TypeBudgetWarned] != 2 || told[events.TypeBudgetExhausted] != 2 {
		t.Errorf("told after the budget was free for a day: %v", told)
	}
	for kind := range told {
		if !strings.HasPrefix(kind, events.TypePrefix+"budget.") {
			t.Errorf("told %s as well", kind)
		}
	}
}

// idleOrNow returns when the next command may be carried out.
func (tl *timeline) idleOrNow() time.Time {
	if at, _ := tl.s.startable("app", tl.now); at.After(tl.now) {
		return at
	}
	return tl.now
}
