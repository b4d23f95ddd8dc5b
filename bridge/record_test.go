package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestRecordsOfAnotherSchemaAreReadOrRefusedAsAWhole puts records of an older and a
// newer gateway, and a damaged one, into the ledger.
func TestRecordsOfAnotherSchemaAreReadOrRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	const (
		run   = "active.acme.r-1"
		newer = "it has schema 2 and this gateway reads up to 1: a newer gateway wrote it"
	)
	for name, test := range map[string]struct{ key, record, refused string }{
		"older":              {run, `{"id": "r-1", "tenant": "acme", "state": "ready", "cursor": 7}`, ""},
		"current":            {run, `{"schema": 1, "id": "r-1", "tenant": "acme", "state": "ready", "cursor": 7, "unheard_of": {}}`, ""},
		"newer":              {run, `{"schema": 2, "id": 1}`, newer},
		"damaged":            {run, `{"schema": 1, "id": "r-`, "unexpected end"},
		"of an app":          {"app.acme.a", `{"schema": 2, "app": []}`, newer},
		"of a restoration":   {"restored", `{"schema": 2}`, newer},
		"of pauses":          {"state.acme.pauses", `{"schema": 2, "pauses": []}`, newer},
		"of calls set aside": {"calls.acme", `{"schema": 2}`, newer},
		"of another kind":    {"state.acme.unheard_of", `{"schema": 2}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{}, reloadSales)
			bucket, err := r.broker.JetStream().KeyValue(t.Context(), r.broker.Names().Ledger)
			r.must(err)
			if test.refused == "" {
				_, err = bucket.PutString(t.Context(), run, `{"id": "r-1", "tenant": "acme", "state": "ready", "cursor": 7}`)
				r.must(err)
			}
			_, err = bucket.PutString(t.Context(), test.key, test.record)
			r.must(err)
			tenure, err := r.ledger.TakeOver(t.Context(), "acme", "test")
			r.must(err)
			held, err := tenure.Load(t.Context(), time.Now())
			if test.refused == "" {
				if err != nil || len(held.Active) != 1 || held.Cursor != 7 {
					t.Errorf("it is not read: %+v, %v", held, err)
				}
				return
			}
			if !errors.Is(err, bridge.ErrUnreadable) || !strings.Contains(err.Error(), test.refused) || !strings.Contains(err.Error(), test.key) {
				t.Errorf("refused with %v", err)
			}
			entry, err := bucket.Get(t.Context(), test.key)
			r.must(err)
			if string(entry.Value()) != test.record {
				t.Errorf("the record is now %s", entry.Value())
			}
		})
	}
}
