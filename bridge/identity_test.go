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
			first.must(tenant.Inject(sim.Fault{Operation: "listReloads", Status: 503, Count: 1}))
			first.dispatch()
			first.send(`{}`)
			first.eventually(func() bool { return first.called("listReloads", 503) == 1 })
			second.dispatch()
			second.send(`{}`)
			second.until("run.succeeded")
			first.until(end)
			if n := len(tenant.State().Reloads); n != 2 {
				t.Errorf("%d reloads, want one for each gateway", n)
			}
		})
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
