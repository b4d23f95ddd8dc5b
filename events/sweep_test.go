package events_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

func TestSweepRemovesOnlyWhatIsDoneWithAndOld(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	journal := journalOn(b)
	for i := range 10 {
		tenant := []string{"acme", "other"}[i%2] // acme has 1, 3, 5, 7, 9
		if _, err := journal.Append(t.Context(), arrival(fmt.Sprint("e", i)), []events.Target{{Tenant: tenant, Rules: []string{"r"}}}, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, sweep := range []struct {
		below uint64
		keep  time.Duration
		left  uint64
	}{
		{6, 24 * time.Hour, 10}, // done with, and young
		{6, 0, 7},               // 1, 3 and 5 go
		{6, 0, 7},               // nothing more
		{100, 0, 5},             // all of acme's, none of other's
	} {
		if err := journal.Sweep(t.Context(), "acme", sweep.below, sweep.keep); err != nil {
			t.Fatal(err)
		}
		stream, err := b.JetStream().Stream(t.Context(), b.Names().In)
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().State.Msgs; got != sweep.left {
			t.Errorf("below %d, keep %s: %d events left, want %d", sweep.below, sweep.keep, got, sweep.left)
		}
	}
}

func TestSweepMakesRoomInAFullJournal(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{JournalBytes: 1 << 20})
	journal := journalOn(b)
	big := strings.Repeat("x", 100<<10)
	stored := uint64(0)
	for i := 0; ; i++ {
		a := arrival(fmt.Sprint("e", i))
		a.Event.DataEncoded = []byte(`"` + big + `"`)
		if _, err := journal.Append(t.Context(), a, []events.Target{{Tenant: "acme", Rules: []string{"r"}}}, 1); err != nil {
			break // it is full
		}
		stored++
	}
	if err := journal.Sweep(t.Context(), "acme", stored, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Append(t.Context(), arrival("last"), []events.Target{{Tenant: "acme", Rules: []string{"r"}}}, 1); err != nil {
		t.Errorf("append after the sweep: %v", err)
	}
	if _, err := journal.Entry(t.Context(), stored); err != nil {
		t.Errorf("the event that is not done with: %v", err)
	}
}
