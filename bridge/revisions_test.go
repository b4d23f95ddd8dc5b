package bridge_test

import (
	"encoding/json"
	"testing"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik/sim"
)

func TestEventIsPlannedByTheRulesThatMatchedIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	r.send(`{}`) // nobody works yet
	r.compile(`[{"name": "refresh-sales", "on": "etl", "app": "$Finance", "do": ["reload"]}]`)
	r.revisions = bridge.NewRevisions(r.ledger) // another process, which knows only its own
	r.compile(`[{"name": "refresh-sales", "on": "etl", "app": "$Finance", "do": ["reload"]}]`)
	r.dispatch()
	outcome := r.until("reload.succeeded")
	var data events.ReloadData
	r.must(json.Unmarshal(outcome.Data(), &data))
	if data.App.ID != r.tenant.App("Sales") {
		t.Errorf("reloaded %s, want the app of the rule that matched", data.App.ID)
	}
}

func TestEventOfANewerReplicaIsPlannedByItsRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	old := r.revisions
	r.revisions = bridge.NewRevisions(r.ledger)
	r.compile(`[{"name": "new-rule", "on": "etl", "app": "$Finance", "do": ["reload"]}]`)
	r.send(`{}`) // taken by the newer replica
	r.revisions = old
	r.dispatch() // the older one works
	outcome := r.until("run.succeeded")
	if outcome.Extensions()["rule"] != "new-rule" {
		t.Errorf("run of rule %v, want new-rule", outcome.Extensions()["rule"])
	}
}

func TestEventOfARemovedRuleIsADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	r.send(`{}`)
	r.compile(`[{"name": "other", "on": "etl", "app": "$Finance", "do": ["reload"]}]`)
	r.send(`{}`)
	r.dispatch()
	r.until("run.succeeded")
	stream, err := r.broker.JetStream().Stream(t.Context(), r.broker.Names().Dead)
	r.must(err)
	dead, err := stream.GetLastMsgForSubject(t.Context(), "gateway.dead.acme.etl")
	r.must(err)
	if reason := dead.Header.Get(events.HeaderReason); reason != string(events.ReasonRuleRemoved) {
		t.Errorf("dead letter for %q, want rule_removed", reason)
	}
	if n := r.called("reloadApp", 201); n != 1 {
		t.Errorf("%d reloads, want only that of the rule that is left", n)
	}
}
