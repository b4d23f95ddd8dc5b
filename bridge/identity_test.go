package bridge_test

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestTwoGatewaysUnderOneIdentityStartNothingTwice lets a gateway lose an answer,
// and another one, with the same key and the same app, start a reload before the
// first can look. Where the tenant echoes resource ids the first finds its own; where
// it does not, the first cannot know which is its own, and says so.
func TestTwoGatewaysUnderOneIdentityStartNothingTwice(t *testing.T) {
	t.Parallel()
	for dialect, end := range map[qlik.Dialect]string{qlik.Cloud: "run.succeeded", qlik.OpenAPI: "run.held"} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			tenant := sim.New(sim.Config{Dialect: dialect, ReloadTime: 50 * time.Millisecond})
			first, second := newRigOn(t, tenant, reloadSales), newRigOn(t, tenant, reloadSales)
			first.must(tenant.Inject(sim.Fault{Operation: "reloadApp", Drop: sim.DropAfter, Count: 1}))
			first.must(tenant.Inject(sim.Fault{Operation: "listReloads", Status: 503}))
			first.dispatch()
			first.send(`{}`)
			first.eventually(func() bool { return first.called("listReloads", 503) > 0 })
			second.dispatch()
			second.send(`{}`)
			second.until("run.succeeded")
			tenant.ClearFaults() // the first may look
			first.until(end)
			if n := len(tenant.State().Reloads); n != 2 {
				t.Errorf("%d reloads, want one for each gateway", n)
			}
		})
	}
}

// TestAttemptIsOfTheUserWhoseKeyMadeIt: after another key was taken, calls are not put
// down to the user of the one before, by whom a lost reload would be looked for in vain.
func TestAttemptIsOfTheUserWhoseKeyMadeIt(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{Dialect: qlik.Cloud, ReloadTime: 10 * time.Millisecond})
	other := tenant.AddUser(sim.User{Name: "other"})
	r := newRigOn(t, tenant, reloadSales)
	_, err := r.client.CreateSpaceAssignment(t.Context(), tenant.Space("Workshop"), qlik.SpaceAssignmentCreate{
		Type: qlik.AssigneeUser, AssigneeID: other.ID, Roles: []string{"producer"},
	})
	r.must(err)
	stop := r.dispatch()
	r.send(`{}`)
	r.until("run.succeeded")
	r.must(r.dispatcher.Renew(qlik.Config{APIKey: other.APIKey}))
	r.must(tenant.Inject(sim.Fault{Operation: "reloadApp", Drop: sim.DropAfter, Count: 1}))
	r.send(`{}`)
	r.until("run.succeeded")
	stop()
	tenure, err := r.ledger.TakeOver(t.Context(), "acme", "test")
	r.must(err)
	held, err := tenure.Load(t.Context(), time.Time{})
	r.must(err)
	reloads := tenant.State().Reloads
	if len(held.Recent) != 2 || len(reloads) != 2 {
		t.Fatalf("%d runs made %d reloads, want 2 and 2", len(held.Recent), len(reloads))
	}
	makers := map[string]string{}
	for _, reload := range reloads {
		shown, err := r.client.GetReload(t.Context(), reload.ID)
		r.must(err)
		makers[reload.ID] = shown.UserID
	}
	for _, run := range held.Recent {
		step := run.Steps[0]
		if by := step.Attempts[0].Identity; by != makers[step.Result.ReloadID] {
			t.Errorf("the attempt says %s, the reload is of %s", by, makers[step.Result.ReloadID])
		}
	}
	if makers[held.Recent[0].Steps[0].Result.ReloadID] == makers[held.Recent[1].Steps[0].Result.ReloadID] {
		t.Error("the other key was not taken")
	}
	if err := r.dispatcher.Renew(qlik.Config{}); err == nil {
		t.Error("no key at all is taken")
	}
}

// eventually asks again until a thing holds.
func (r *rig) eventually(holds func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-timeout:
			r.t.Fatal("it never holds")
		case <-tick.C:
		}
	}
}
