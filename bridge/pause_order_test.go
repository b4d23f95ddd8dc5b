package bridge_test

import (
	"errors"
	"testing"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik/sim"
)

func TestPauseOutlivesTheDispatcherThatTookTheOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "refresh", "on": "etl", "app": "$Sales", "do": ["reload"]}]`)
	stop := r.dispatch()
	pause := bridge.Pause{Of: bridge.PauseRule, Name: "refresh", Reason: "month-end", By: "ann"}
	r.heard(func() error {
		return r.desk().Give(t.Context(), "acme", bridge.Order{Op: bridge.OpPause, Pause: &pause})
	})
	r.until("rule.paused")
	r.send(`{}`)
	stop()
	r.dispatch()
	r.send(`{}`)
	var status bridge.Status
	r.heard(func() (err error) { status, err = r.desk().Status(t.Context(), "acme"); return err })
	held, err := r.ledger.Pauses(t.Context(), "acme")
	r.must(err)
	if len(held) != 1 || held[0].Reason != "month-end" || held[0].By != "ann" || len(status.Pauses) != 1 {
		t.Errorf("the ledger has %+v, the dispatcher %+v", held, status.Pauses)
	}
	if n := r.called("reloadApp", 201) + r.called("reloadApp", 200); n != 0 {
		t.Errorf("%d reloads were started", n)
	}
	r.must(r.desk().Give(t.Context(), "acme", bridge.Order{Op: bridge.OpResume, Pause: &pause}))
	r.until("rule.resumed")
	r.until("run.succeeded")
	if held, err = r.ledger.Pauses(t.Context(), "acme"); err != nil || len(held) != 0 {
		t.Errorf("after it was resumed: %+v, %v", held, err)
	}
}

// heard asks again as long as no dispatcher works.
func (r *rig) heard(ask func() error) {
	r.t.Helper()
	for {
		err := ask()
		if !errors.Is(err, bridge.ErrNobody) {
			r.must(err)
			return
		}
	}
}
