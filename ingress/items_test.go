package ingress_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

// TestArrayOfEventsIsAnsweredAsABatch holds for as many events as there are, none
// included, wherever the array comes from and whatever stands before it.
func TestArrayOfEventsIsAnsweredAsABatch(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	definitions := append(sources(), ingress.Source{
		Name: "grid", Preset: "azure-event-grid", Secrets: []string{token}, NATS: &ingress.Subject{Subject: "grid.done"},
	})
	d.Set(live(t, definitions, 2))
	w := listening(t, d)
	w.heard(t, "grid.done", 1)
	for events := range 3 {
		for i, before := range []string{"", "\ufeff", strings.Repeat(" ", 100)} {
			var items []string
			for n := range events {
				items = append(items, fmt.Sprintf(`{"id":"%d-%d-%d","eventType":"t","topic":"/a"}`, events, i, n))
			}
			body := before + "[" + strings.Join(items, ",") + "]"
			overHTTP := d.post(t, "/hooks/grid?token="+token, body)
			if overHTTP.status != http.StatusAccepted || len(overHTTP.Events) != events {
				t.Errorf("%d events after %q: answered %d %s", events, before, overHTTP.status, overHTTP.raw)
			}
			if overNATS := w.ask(t, "grid.done", body); overNATS.raw != strings.ReplaceAll(overHTTP.raw, `"duplicate":false`, `"duplicate":true`) {
				t.Errorf("%d events after %q: over NATS %s, over HTTP %s", events, before, overNATS.raw, overHTTP.raw)
			}
		}
	}
}
