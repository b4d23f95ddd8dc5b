package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

const reloadSales = `[{"name": "refresh-sales", "on": "etl", "app": "$Sales", "do": ["reload"]}]`

func TestEventBecomesOneReloadAndItsOutcomes(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	r.dispatch()
	r.send(`{}`)
	run := r.until("run.succeeded")
	r.wantTypes("reload.queued", "reload.started", "reload.succeeded", "run.succeeded")
	if n := r.called("reloadApp", 201); n != 1 {
		t.Errorf("%d reloads started, want 1", n)
	}
	var data events.RunData
	r.must(json.Unmarshal(run.Data(), &data))
	if data.Causes.Count != 1 || data.Causes.First[0] != "event-1" || data.State != "succeeded" {
		t.Errorf("run outcome: %+v", data)
	}
	if run.Extensions()["correlationid"] != data.Run || run.Extensions()["causationid"] != "event-1" {
		t.Errorf("run outcome's extensions: %v", run.Extensions())
	}
}

func TestReloadThatFailsFailsItsRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	r.must(r.tenant.Inject(sim.Fault{FailReload: "EngineConnectionError", Count: 1}))
	r.dispatch()
	r.send(`{}`)
	r.until("run.failed")
	r.wantTypes("reload.queued", "reload.started", "reload.failed", "run.failed")
}

const pipeline = `[{"name": "rehearse", "on": "etl", "app": "$Sales", "do": [
	{"copy": {"name": "Rehearsal ${data.day}"}},
	{"reload": {"app": "${steps.copy.app_id}", "variables": {"DAY": "${data.day}"}}},
	{"reload": {}, "as": "real"},
	{"publish": {"space": "$Company"}}]}]`

func TestPipelineCopiesReloadsAndPublishesThenReplaces(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: dialect}, pipeline)
			r.dispatch()
			var published [2]events.PublishData
			for i := range published {
				r.send(`{"day": 7}`)
				outcome := r.until("publish.succeeded")
				r.must(json.Unmarshal(outcome.Data(), &published[i]))
				r.until("run.succeeded")
			}
			if published[0].Replaced || !published[1].Replaced {
				t.Errorf("replaced: %v then %v, want false then true", published[0].Replaced, published[1].Replaced)
			}
			if published[0].Published.ID == "" || published[0].Published.ID != published[1].Published.ID {
				t.Errorf("published %q then %q, want the same app", published[0].Published.ID, published[1].Published.ID)
			}
			variables := r.tenant.State().Reloads[0].Variables
			if variables["DAY"] != "7" {
				t.Errorf("the copy's reload has variables %v", variables)
			}
		})
	}
}

func TestTriggersDuringAReloadBecomeOneFollowUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{ReloadTime: time.Second}, reloadSales)
	r.dispatch()
	r.send(`{}`)
	r.until("reload.started")
	for range 100 {
		r.send(`{}`)
	}
	first := r.until("run.succeeded")
	second := r.until("run.succeeded")
	var a, b events.RunData
	r.must(errors.Join(json.Unmarshal(first.Data(), &a), json.Unmarshal(second.Data(), &b)))
	if a.Causes.Count != 1 || b.Causes.Count != 100 {
		t.Errorf("causes: %d then %d, want 1 then 100", a.Causes.Count, b.Causes.Count)
	}
	for _, call := range r.tenant.Calls() {
		if call.OperationID == "reloadApp" && call.Status != 201 {
			t.Errorf("a reload was asked for while one was pending: %d", call.Status)
		}
	}
}

func TestOutageParksAndDrainsWithoutFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "each", "on": "etl", "gather": "none", "do": [{"reload": {"app": "${data.app}"}}]}]`)
	r.breaker = qlik.BreakerConfig{Failures: 3, Over: 10 * time.Second, Open: 300 * time.Millisecond}
	r.must(r.tenant.Inject(sim.Fault{Operation: "*", Status: 503}))
	r.dispatch()
	for i := range 12 {
		r.send(`{"app": "` + r.tenant.App([]string{"Sales", "Finance", "Inventory"}[i%3]) + `"}`)
	}
	r.until("breaker.opened")
	opened, probes := time.Now(), r.called("getAppsPrivileges", 503)
	r.eventually(func() bool { return r.called("getAppsPrivileges", 503) > probes+1 })
	r.tenant.ClearFaults()
	r.until("breaker.closed")
	closed := time.Now()
	for range 12 {
		r.until("run.succeeded")
	}
	if n := r.called("reloadApp", 201); n != 12 {
		t.Errorf("%d reloads started, want 12", n)
	}
	for _, call := range r.tenant.Calls() {
		if call.Time.After(opened) && call.Time.Before(closed) && call.Status == 503 && call.OperationID != "getAppsPrivileges" {
			t.Errorf("%s was called while the breaker was open", call.OperationID)
		}
	}
}

func TestDisplacedDispatcherWritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	old, err := r.ledger.TakeOver(t.Context(), "acme", "old")
	r.must(err)
	run := &bridge.Run{ID: "run-1", Tenant: "acme", State: bridge.RunReady}
	r.must(old.Save(t.Context(), bridge.Change{Active: []*bridge.Run{run}, Cursor: 1}))
	successor, err := r.ledger.TakeOver(t.Context(), "acme", "new")
	r.must(err)
	run.State = bridge.RunRunning
	for name, change := range map[string]bridge.Change{
		"one run":    {Active: []*bridge.Run{run}},
		"a batch":    {Active: []*bridge.Run{run, {ID: "run-2", Tenant: "acme", State: bridge.RunReady}}},
		"an end":     {Ended: []*bridge.Run{run}, Cursor: 2},
		"the cursor": {Cursor: 2},
	} {
		if err := old.Save(t.Context(), change); !errors.Is(err, bridge.ErrDisplaced) {
			t.Errorf("save %s: %v, want ErrDisplaced", name, err)
		}
	}
	held, err := successor.Load(t.Context(), time.Now().Add(-time.Minute))
	r.must(err)
	if len(held.Active) != 1 || held.Active[0].State != bridge.RunReady {
		t.Errorf("the successor finds %+v", held.Active)
	}
	if _, err := old.Load(t.Context(), time.Now()); !errors.Is(err, bridge.ErrDisplaced) {
		t.Errorf("load by the displaced: %v, want ErrDisplaced", err)
	}
}

func TestSuccessorGoesOnWithARunningReload(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{ReloadTime: time.Second}, reloadSales)
	stop := r.dispatch()
	r.send(`{}`)
	r.until("reload.started")
	stop()
	r.dispatch()
	r.until("run.succeeded")
	if n := r.called("reloadApp", 201); n != 1 {
		t.Errorf("%d reloads started, want 1", n)
	}
	runs, err := r.ledger.Runs(t.Context(), bridge.RunQuery{})
	r.must(err)
	if len(runs) != 1 || runs[0].State != bridge.RunSucceeded {
		t.Errorf("the ledger lists %+v", runs)
	}
}

func TestHeldRunIsResolvedByAPerson(t *testing.T) {
	t.Parallel()
	for as, want := range map[string]struct {
		end    string
		copies int
	}{
		bridge.ResolveSucceeded: {"run.succeeded", 1},
		bridge.ResolveFailed:    {"run.failed", 1},
		bridge.ResolveRetry:     {"run.succeeded", 2},
	} {
		t.Run(as, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{}, `[{"name": "c", "on": "etl", "app": "$Sales", "do": [
				{"copy": {"name": "Twin"}}, {"reload": {"app": "${steps.copy.app_id}"}}]}]`)
			r.must(r.tenant.Inject(sim.Fault{Operation: "copyApp", Drop: sim.DropAfter, Count: 1}))
			r.dispatch()
			r.send(`{}`)
			var held events.RunData
			r.must(json.Unmarshal(r.until("run.held").Data(), &held))
			order := bridge.Order{Op: bridge.OpResolve, Run: held.Run, As: as, By: "ann"}
			if as == bridge.ResolveSucceeded {
				if err := r.desk().Give(t.Context(), "acme", order); !errors.Is(err, bridge.ErrRefused) {
					t.Errorf("resolve without the app: %v, want a refusal", err)
				}
				order.App = r.copyOf("Twin")
			}
			r.must(r.desk().Give(t.Context(), "acme", order))
			r.until(want.end)
			if n := r.called("copyApp", 200); n != want.copies {
				t.Errorf("copied %d times, want %d", n, want.copies)
			}
			run, err := r.ledger.Run(t.Context(), held.Run)
			r.must(err)
			if done := run.Interventions; len(done) != 1 || done[0].By != "ann" || done[0].As != as || done[0].At.IsZero() {
				t.Errorf("the record says that operators did %+v", done)
			}
			if err := r.desk().Give(t.Context(), "acme", order); !errors.Is(err, bridge.ErrRefused) {
				t.Errorf("resolve again: %v, want a refusal", err)
			}
			if err := r.desk().Give(t.Context(), "nobody", order); !errors.Is(err, bridge.ErrNobody) {
				t.Errorf("resolve at another tenant: %v, want ErrNobody", err)
			}
		})
	}
}

// copyOf returns the id of the app with a name.
func (r *rig) copyOf(name string) string {
	for _, app := range r.tenant.State().Apps {
		if app.Name == name {
			return app.ID
		}
	}
	r.t.Fatalf("no app %s", name)
	return ""
}

func TestHugeArgumentsBecomeADeadLetterAndHoldNothingUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[
		{"name": "copy", "on": "etl", "when": "has(data.text)", "app": "$Sales", "do": [{"copy": {"description": "${data.text}"}}]},
		{"name": "refresh-sales", "on": "etl", "app": "$Sales", "do": ["reload"]}]`)
	r.dispatch()
	text, err := json.Marshal(map[string]string{"text": strings.Repeat("x", 200<<10)})
	r.must(err)
	r.send(string(text))
	r.until("run.succeeded")
	if n := r.called("copyApp", 200); n != 0 {
		t.Errorf("copied %d times, want 0", n)
	}
	stream, err := r.broker.JetStream().Stream(t.Context(), r.broker.Names().Dead)
	r.must(err)
	info, err := stream.Info(t.Context())
	r.must(err)
	if info.State.Msgs != 1 {
		t.Errorf("%d dead letters, want 1", info.State.Msgs)
	}
}

func TestLedgerKeepsHowLongReloadsTook(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	stop := r.dispatch()
	r.send(`{}`)
	r.until("run.succeeded")
	stop()
	tenure, err := r.ledger.TakeOver(t.Context(), "acme", "test")
	r.must(err)
	held, err := tenure.Load(t.Context(), time.Now())
	r.must(err)
	if len(held.Apps) != 1 || held.Apps[0].App != r.tenant.App("Sales") || len(held.Apps[0].Took) != 1 || held.Apps[0].Took[0] <= 0 {
		t.Errorf("the ledger knows of apps: %+v", held.Apps)
	}
	if len(held.Blocks) == 0 || held.Blocks[0].Calls != 100 {
		t.Errorf("reads that were set aside: %+v", held.Blocks)
	}
}

// TestJournalThatLostItsEndIsGoneOnWith: a cluster that comes back with an older journal,
// or with a new one, gives new events sequences that the ledger has as read.
func TestJournalThatLostItsEndIsGoneOnWith(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	stop := r.dispatch()
	for range 2 { // one after the other: each is a run, and none is open behind
		r.send(`{}`)
		r.until("run.succeeded")
	}
	stop()
	names, js := r.broker.Names(), r.broker.JetStream()
	stream, err := js.Stream(t.Context(), names.In)
	r.must(err)
	config := stream.CachedInfo().Config
	r.must(js.DeleteStream(t.Context(), names.In))
	_, err = js.CreateStream(t.Context(), config)
	r.must(err)
	r.dispatch()
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for last := uint64(0); last < 1; {
		_, last, err = r.journal.Extent(soon)
		r.must(err)
	}
	before := r.called("reloadApp", 201)
	r.send(`{}`)
	r.until("run.succeeded")
	if calls := r.called("reloadApp", 201) - before; calls != 1 {
		t.Errorf("the event of the new journal made %d calls", calls)
	}
}
