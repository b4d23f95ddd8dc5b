package bridge

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// curious is a timeline that reads logs and names.
func curious(t *testing.T) *timeline {
	t.Helper()
	tl := newTimeline(t, Snapshot{})
	tl.limits.Log, tl.limits.Names = DefaultLimits().Log, DefaultLimits().Names
	tl.boot(Snapshot{})
	return tl
}

// told returns the data of the one outcome of a type in a run's outbox.
func told(t *testing.T, run *Run, kind string) events.ReloadData {
	t.Helper()
	var found []events.ReloadData
	for _, outcome := range run.Outbox {
		if outcome.Type == events.TypePrefix+kind {
			var data events.ReloadData
			if err := json.Unmarshal(outcome.Data, &data); err != nil {
				t.Fatal(err)
			}
			found = append(found, data)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d outcomes %s, want one", len(found), kind)
	}
	return found[0]
}

func TestABadEndIsToldWithItsLogOrWithoutButInTime(t *testing.T) {
	t.Parallel()
	read := func(tl *timeline, run *Run) {
		command := tl.want(KindLog, run)
		if command.ReloadID != "r1" || command.Step.Args.App != "app" {
			tl.t.Errorf("reads the log of %s of %s", command.ReloadID, command.Step.Args.App)
		}
		tl.done(command, VerdictDone, func(r *Report) { r.Excerpt = "it broke" })
	}
	for name, c := range map[string]struct {
		status  qlik.ReloadStatus
		between func(*timeline, *Run)
		kind    string
		want    string
		within  time.Duration
	}{
		"failed":                    {qlik.ReloadFailed, read, "reload.failed", "it broke", 0},
		"too long":                  {qlik.ReloadExceededLimit, read, "reload.exceeded_limit", "it broke", 0},
		"canceled has none":         {qlik.ReloadCanceled, func(*timeline, *Run) {}, "reload.canceled", "", 0},
		"succeeded is told at once": {qlik.ReloadSucceeded, func(*timeline, *Run) {}, "reload.succeeded", "", 0},
		"refused": {qlik.ReloadFailed, func(tl *timeline, run *Run) {
			tl.done(tl.want(KindLog, run), VerdictFail, because(events.ReasonForbidden))
		}, "reload.failed", "", 0},
		"not answered": {qlik.ReloadFailed, func(tl *timeline, run *Run) {
			tl.done(tl.want(KindLog, run), VerdictRetry, because(events.ReasonTimeout))
		}, "reload.failed", "", 0},
		"the breaker opens": {qlik.ReloadFailed, func(tl *timeline, _ *Run) {
			tl.s.Breaker(tl.now, true, tl.now.Add(time.Minute), Verdict{})
			tl.now = tl.idle()
			tl.idle()
		}, "reload.failed", "", 2 * time.Second},
		"no quota": {qlik.ReloadFailed, func(tl *timeline, _ *Run) { tl.idle() }, "reload.failed", "", 0},
		"a crash meanwhile": {qlik.ReloadFailed, func(tl *timeline, run *Run) {
			tl.want(KindLog, run)
			tl.restart()
			tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadFailed))
			*run = *tl.s.tasks[run.ID].run()
			read(tl, run)
			*run = *tl.s.tasks[run.ID].run()
		}, "reload.failed", "it broke", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := curious(t)
			tl.s.about("app").tried = tl.now // its name is another test's
			run := tl.trigger(planOf("r", "app", rules.Reload))
			tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
			poll := tl.until(KindPoll)
			if name == "no quota" {
				tl.s.quota[qlik.ClassRead].pause(tl.now.Add(time.Minute))
			}
			ended := tl.now
			tl.done(poll, VerdictDone, reloadIs("r1", c.status))
			c.between(tl, run)
			if data := told(t, run, c.kind); data.LogExcerpt != c.want || data.Status != string(c.status) {
				t.Errorf("tells %q of a reload that %s, want %q", data.LogExcerpt, data.Status, c.want)
			}
			if took := tl.now.Sub(ended); took > c.within {
				t.Errorf("told %s after it was known", took)
			}
			if !run.State.Ended() {
				t.Errorf("the run is %s", run.State)
			}
		})
	}
}

func TestARunWhoseTimeIsUpWhileALogIsReadEndsAllTheSame(t *testing.T) {
	t.Parallel()
	tl := curious(t)
	tl.limits.Log = time.Hour
	tl.boot(Snapshot{})
	tl.s.about("app").tried = tl.now
	plan := planOf("r", "app", rules.Reload)
	plan.Deadline = time.Minute
	run := tl.trigger(plan)
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadFailed))
	command := tl.want(KindLog, run)
	tl.pass(2 * time.Hour)
	tl.done(command, VerdictDone, func(r *Report) { r.Excerpt = "late" })
	if !run.State.Ended() || told(t, run, "reload.failed").ReloadID != "r1" {
		t.Errorf("the run is %s", run.State)
	}
}

func TestOutcomesNameTheAppAndItsSpace(t *testing.T) {
	t.Parallel()
	tl := curious(t)
	plan := planOf("r", "app", rules.Reload)
	names := 0
	for round := range 3 {
		run := tl.trigger(plan)
		tl.done(tl.want(KindCall, run), VerdictDone, reloadIs(fmt.Sprint("r", round), qlik.ReloadReloading))
		if command, _ := tl.s.Next(tl.now); command.Kind == KindName {
			names++
			tl.done(command, VerdictDone, func(r *Report) { r.Result, r.Space = Result{AppID: "app", AppName: "Sales"}, "finance" })
		}
		tl.done(tl.until(KindPoll), VerdictDone, reloadIs(fmt.Sprint("r", round), qlik.ReloadSucceeded))
		if data := told(t, run, "reload.succeeded"); data.App.Name != "Sales" || data.Space != "finance" {
			t.Errorf("round %d tells of %+v in %q", round, data.App, data.Space)
		}
		tl.s.Told(run.ID)
		for _, record := range tl.s.Learned() {
			tl.apps[record.App] = record
		}
		tl.restart()
	}
	if names != 1 {
		t.Errorf("asked %d times what the app is called", names)
	}
	tl.pass(25 * time.Hour)
	run := tl.trigger(plan)
	tl.want(KindCall, run)
	tl.done(tl.want(KindName, nil), VerdictDone, func(r *Report) { r.Result = Result{AppID: "app", AppName: "Sales 2"} })
	if got := tl.s.app("app", "").Name; got != "Sales 2" {
		t.Errorf("a day later it is called %q", got)
	}
}

func TestNamesLeaveHalfOfTheReadsAndNoOutcomeWaitsForThem(t *testing.T) {
	t.Parallel()
	tl := curious(t)
	tl.limits.Quota = map[qlik.Class]Rate{qlik.ClassReload: {50, time.Minute}, qlik.ClassWrite: {4, time.Minute}, qlik.ClassRead: {10, time.Minute}}
	tl.boot(Snapshot{})
	for i := range 12 {
		plan := planOf("r", fmt.Sprint("app", i), rules.Reload)
		plan.Key = fmt.Sprint(i)
		tl.trigger(plan)
	}
	asked := 0
	for range 100 {
		command, _ := tl.s.Next(tl.now)
		switch command.Kind {
		case KindName:
			asked++
			tl.done(command, VerdictFail, because(events.ReasonForbidden))
		case KindCall:
			tl.done(command, VerdictDone, reloadIs("r"+command.Run, qlik.ReloadSucceeded))
		}
	}
	if asked != 5 {
		t.Errorf("asked for %d names within one window of ten reads", asked)
	}
	for _, task := range tl.s.tasks {
		if !task.run().State.Ended() {
			t.Errorf("run %s is %s", task.run().ID, task.run().State)
		}
	}
}

func TestTheEndOfAForeignReloadIsToldWithNameAndLog(t *testing.T) {
	t.Parallel()
	tl := curious(t)
	tl.s.Foreign(tl.now, Cause{ID: "e", Time: tl.now}, "r1")
	ended := qlik.Reload{ID: "r1", AppID: "app", Type: "hub", Status: qlik.ReloadFailed}
	tl.done(tl.want(KindLook, nil), VerdictDone, func(r *Report) { r.Identity, r.Reload = "us", &ended })
	tl.done(tl.want(KindName, nil), VerdictDone, func(r *Report) { r.Result, r.Space = Result{AppID: "app", AppName: "Sales"}, "finance" })
	tl.done(tl.want(KindLog, nil), VerdictDone, func(r *Report) { r.Excerpt = "it broke" })
	outbox, _ := tl.s.TenantOutbox()
	if len(outbox) != 1 {
		t.Fatalf("told %d", len(outbox))
	}
	var data events.ForeignReloadData
	if err := json.Unmarshal(outbox[0].Data, &data); err != nil {
		t.Fatal(err)
	}
	if data.App.Name != "Sales" || data.Space != "finance" || data.LogExcerpt != "it broke" || data.Origin != "hub" {
		t.Errorf("told %+v", data)
	}
	tl.idle()
}

func TestAForeignReloadIsToldWithoutWhatTheQuotaDoesNotAllow(t *testing.T) {
	t.Parallel()
	tl := curious(t)
	tl.s.Foreign(tl.now, Cause{ID: "e", Time: tl.now}, "r1")
	look := tl.want(KindLook, nil)
	tl.s.quota[qlik.ClassRead].pause(tl.now.Add(time.Hour))
	tl.done(look, VerdictDone, func(r *Report) {
		r.Identity, r.Reload = "us", &qlik.Reload{ID: "r1", AppID: "app", Type: "hub", Status: qlik.ReloadFailed}
	})
	tl.idle()
	if outbox, _ := tl.s.TenantOutbox(); len(outbox) != 1 {
		t.Errorf("told %d", len(outbox))
	}
}

func TestAnExcerptHasNoSecretAndNamesNobody(t *testing.T) {
	t.Parallel()
	log := strings.Repeat("2026-11-23 16:00:00      0001  LOAD * FROM [lib://data/x.qvd] (qvd);\r\n", 3000) + `CONNECT TO 'Provider=X;User ID=ann;Password=hunter2secret';
SET vToken = 'tok-123456789';
LIB CONNECT TO 'https://bob:hunter2secret@db.example.com/x';
Authorization: Bearer abcdefghijklmnop
FROM [C:\Users\carol\data.csv]; mailed dave@example.com from 10.1.2.3
key eyJhbGciOi.eyJzdWIiOi.c2ln
Error: Field 'Amount' not found
Execution failed.`
	text, err := excerpt(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"ann", "hunter2secret", "tok-123456789", "bob", "abcdefghijklmnop", "carol", "dave", "10.1.2.3", "eyJ", "\r"} {
		if strings.Contains(text, hidden) {
			t.Errorf("tells %q", hidden)
		}
	}
	for _, shown := range []string{"Error: Field 'Amount' not found\nExecution failed.", "[lib://data/x.qvd]"} {
		if !strings.Contains(text, shown) {
			t.Errorf("does not tell %q: %s", shown, text[max(0, len(text)-600):])
		}
	}
	if len(text) > mostExcerpt || !strings.HasPrefix(text, "2026-11-23") {
		t.Errorf("%d bytes, begins %.40q", len(text), text)
	}
}
