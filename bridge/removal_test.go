package bridge_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// removal drops the rig's tenant.
func (r *rig) removal() bridge.Removal {
	r.t.Helper()
	js, names := r.broker.JetStream(), r.broker.Names()
	leases, err := bridge.OpenLeases(r.t.Context(), js, names.Leases, "drop", 3*time.Second)
	r.must(err)
	return bridge.Removal{
		Tenant: "acme", Journal: r.journal, Dead: r.letters(), Ledger: r.ledger, Leases: leases,
		Publisher: events.NewPublisher(js, events.PublisherConfig{Subject: names.OutSubject, CallbackSubject: names.CallbackSubject}),
	}
}

// left is what tenants have left that are not among the configured.
func (r *rig) left(configured ...string) string {
	r.t.Helper()
	left, err := bridge.Leftovers(r.t.Context(), r.ledger, r.journal, configured)
	r.must(err)
	return fmt.Sprint(left)
}

func TestDroppedTenantsRunsAreToldCanceledAndItsEventsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{ReloadTime: time.Hour}, `[
		{"name": "now", "on": "etl", "when": "has(data.now)", "app": "$Sales", "do": ["reload"]},
		{"name": "back", "on": "etl", "when": "has(data.back)", "app": "$Inventory", "do": ["reload"]},
		{"name": "later", "on": "etl", "when": "has(data.wait)", "app": "$Finance", "gather": {"quiet": "1h", "max": "2h"}, "do": ["reload"]}]`)
	if got := r.left(); got != "[]" {
		t.Errorf("left before anything came: %s", got)
	}
	stop := r.dispatch()
	r.send(`{"wait": 1}`)
	r.send(`{"now": 2}`)
	r.until("reload.queued")
	stop()
	r.send(`{"back": 3}`)
	r.send(`{"wait": 4}`)
	if got := r.left(); got != "[{acme 2 2}]" {
		t.Errorf("left %s, want two runs and two events of acme", got)
	}
	if got := r.left("acme"); got != "[]" {
		t.Errorf("left %s of tenants that are configured", got)
	}
	removed, err := r.removal().Run(t.Context())
	r.must(err)
	if len(removed.Runs) != 2 || removed.Events != 2 {
		t.Errorf("removed %+v", removed)
	}
	for range 2 {
		var data events.RunData
		r.must(json.Unmarshal(r.until("run.canceled").Data(), &data))
		if data.Reason != events.ReasonCanceled || data.State != "canceled" || data.Causes.Count != 1 {
			t.Errorf("told %+v", data)
		}
	}
	for sequence, id := range map[uint64]string{1: "event-3", 2: "event-4"} {
		if letter := r.letter(sequence); letter.Reason != events.ReasonTenantDropped || letter.Entry.Event.ID() != id {
			t.Errorf("dead letter %+v, want %s", letter, id)
		}
	}
	if got := r.left(); got != "[]" {
		t.Errorf("left %s after the removal", got)
	}
	if again, err := r.removal().Run(t.Context()); err != nil || len(again.Runs) != 0 || again.Events != 0 {
		t.Errorf("again removed %+v, %v", again, err)
	}
	r.dispatch() // the tenant comes back, and one of its events with it
	told, err := r.replayer().Letter(t.Context(), 1)
	r.must(err)
	if told.Result != bridge.ReplayDone {
		t.Errorf("told %+v", told)
	}
	r.until("reload.queued")
	if n := r.called("reloadApp", 201); n != 2 {
		t.Errorf("%d reloads, want the one before and that of the replay", n)
	}
}

func TestTenantWithManyRunsIsDropped(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	tenure, err := r.ledger.TakeOver(t.Context(), "acme", "test")
	r.must(err)
	const many = 1100 // several batches
	var runs []*bridge.Run
	for i := range many {
		runs = append(runs, &bridge.Run{
			ID: fmt.Sprintf("run-%04d", i), Tenant: "acme", Rule: "refresh-sales", State: bridge.RunReady, Opened: time.Now(),
			Plan:  &rules.Plan{Tenant: "acme", Rule: "refresh-sales", Deadline: time.Hour, Steps: []rules.Step{{Name: "reload", Action: rules.Reload}}},
			Steps: []bridge.StepRecord{{State: bridge.StepWaiting}},
		})
	}
	runs[7].Callbacks = []events.Callback{{Source: "adf", URL: "https://adf.example/1"}, {Source: "adf", URL: "https://adf.example/2"}}
	r.must(tenure.Save(t.Context(), bridge.Change{Active: runs, Cursor: 1}))
	removed, err := r.removal().Run(t.Context())
	r.must(err)
	if len(removed.Runs) != many || r.left() != "[]" {
		t.Errorf("canceled %d runs, left %s", len(removed.Runs), r.left())
	}
	for range many {
		r.until("run.canceled")
	}
	waiting, err := r.broker.JetStream().Stream(t.Context(), r.broker.Names().Callbacks)
	r.must(err)
	if n := waiting.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("%d of those who wait for the end of a run are called back, want 2", n)
	}
}
