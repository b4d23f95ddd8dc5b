package bridge_test

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestRestoredRunFindsWhatWasMovedAndDeleted: a run whose assert, move, delete and emit
// were all carried out after the backup it comes from ends as it did then, and moves
// and deletes nothing again.
func TestRestoredRunFindsWhatWasMovedAndDeleted(t *testing.T) {
	t.Parallel()
	for _, done := range []bool{true, false} {
		t.Run(map[bool]string{true: "all was done", false: "nothing was done"}[done], func(t *testing.T) {
			t.Parallel()
			tenant := sim.New(sim.Config{})
			attic := tenant.AddSpace("Attic", qlik.SpaceShared)
			r := newRigOn(t, tenant, `[{"name": "archive", "on": "etl", "app": "$Sales", "gather": {"quiet": "1s", "max": "1s"},
				"do": [{"assert": "size(fields) >= 0"}, {"move": {"space": "$Attic"}}, {"delete": {"app": "$Finance"}}],
				"always": [{"emit": {"type": "com.example.done"}}]}]`)
			r.limits.Alone = true // as with every embedded store
			stop := r.dispatch()
			r.send(`{}`)
			for r.left() != "[{acme 1 0}]" { // it gathers
				continue
			}
			stop()
			taken := time.Now()
			if done {
				_, err := r.client.MoveAppToSpace(t.Context(), tenant.App("Sales"), attic)
				r.must(err)
				r.must(r.client.DeleteApp(t.Context(), tenant.App("Finance")))
			}
			open, err := r.ledger.Doubt(t.Context(), bridge.Restoration{Taken: taken, At: time.Now(), Last: 1})
			r.must(err)
			if open != 1 {
				t.Fatalf("%d runs are open", open)
			}
			r.dispatch()
			r.until("run.succeeded")
			r.wantTypes("assert.succeeded", "move.succeeded", "delete.succeeded", "com.example.done", "run.succeeded")
			if n := r.called("moveAppToSpace", 200); n != 1 {
				t.Errorf("moved %d times", n)
			}
			if n := r.called("deleteApp", 204) + r.called("deleteApp", 200); n != 1 {
				t.Errorf("deleted %d times", n)
			}
		})
	}
}
