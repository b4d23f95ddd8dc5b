package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestChangeTooLargeForOneBatchIsWrittenInParts has more runs change at once than
// the server takes in one batch, as when a long outage ends in many deadlines.
func TestChangeTooLargeForOneBatchIsWrittenInParts(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	tenure, err := r.ledger.TakeOver(t.Context(), "acme", "test")
	r.must(err)
	var runs []*bridge.Run
	for i := range 1500 {
		runs = append(runs, &bridge.Run{ID: fmt.Sprint("run-", i), Tenant: "acme", State: bridge.RunReady, Cursor: 9})
	}
	r.must(tenure.Save(t.Context(), bridge.Change{Active: runs, Cursor: 9}))
	r.must(tenure.Save(t.Context(), bridge.Change{Ended: runs[:900], Cursor: 9}))
	successor, err := r.ledger.TakeOver(t.Context(), "acme", "test")
	r.must(err)
	held, err := successor.Load(t.Context(), time.Now().Add(-time.Hour))
	r.must(err)
	if len(held.Active) != 600 || len(held.Recent) != 900 || held.Cursor != 9 {
		t.Errorf("%d active, %d ended, cursor %d; want 600, 900 and 9", len(held.Active), len(held.Recent), held.Cursor)
	}
	early := 0
	for _, run := range held.Active {
		if run.Cursor == 9 {
			early++
		}
	}
	if early > 500 {
		t.Errorf("%d records move the cursor, though the parts before the last must not", early)
	}
}

// TestRecordThatNoMessageHoldsEndsTheTenure: to try for ever would leave the tenant still
// and say nothing.
func TestRecordThatNoMessageHoldsEndsTheTenure(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	tenure, err := r.ledger.TakeOver(t.Context(), "acme", "test")
	r.must(err)
	large := &bridge.Run{ID: "run-1", Tenant: "acme", State: bridge.RunReady, Error: strings.Repeat("x", 2<<20)}
	small := &bridge.Run{ID: "run-2", Tenant: "acme", State: bridge.RunReady}
	for _, runs := range [][]*bridge.Run{{large}, {small, large}} {
		if err := tenure.Save(t.Context(), bridge.Change{Active: runs}); !errors.Is(err, nats.ErrMaxPayload) {
			t.Errorf("%d runs: %v, want %v", len(runs), err, nats.ErrMaxPayload)
		}
	}
}
