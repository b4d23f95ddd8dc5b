package events_test

import (
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/events"
)

// TestStateOfANewerGatewayIsNotWrittenOver: what a newer gateway noted of a subscription
// is refused as a whole, and stays; what one without a schema noted is gone on with.
func TestStateOfANewerGatewayIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	b := newSite(t).Broker
	known := states(t, b)
	ledger, err := b.JetStream().KeyValue(t.Context(), b.Names().Ledger)
	if err != nil {
		t.Fatal(err)
	}
	const newer = `{"schema":2,"next":"later"}`
	for name, state := range map[string]string{"wall": newer, "old": `{"next":7,"disabled":"gone"}`} {
		if _, err := ledger.PutString(t.Context(), "subscription."+name, state); err != nil {
			t.Fatal(err)
		}
	}
	for what, err := range map[string]error{
		"begin": known.Begin(t.Context(), "wall"), "enable": known.Enable(t.Context(), "wall"),
	} {
		if refused := err != nil && strings.Contains(err.Error(), "it has schema 2 and this gateway reads up to 1"); refused != (what == "enable") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if entry, err := ledger.Get(t.Context(), "subscription.wall"); err != nil || string(entry.Value()) != newer {
		t.Errorf("it is now %s, %v", entry.Value(), err)
	}
	if err := known.Enable(t.Context(), "old"); err != nil {
		t.Fatal(err)
	}
	state, err := known.State(t.Context(), "old")
	if err != nil || state.Next != 7 || state.Disabled != events.Reason("") || state.Schema != 1 {
		t.Errorf("an older one: %+v, %v", state, err)
	}
}
