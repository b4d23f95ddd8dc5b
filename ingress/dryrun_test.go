package ingress_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

func TestDryRunIsProvenAndStoresNothing(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, greeters(), 2))
	r := d.post(t, "/hooks/jobs", `{"job":"nightly"}`, "Authorization: Bearer "+token, "Gateway-Dry-Run: 1")
	if r.status != http.StatusOK || !strings.Contains(r.raw, `"dry_run":true`) || !strings.Contains(r.raw, `"notes":["done: the event has no done"]`) {
		t.Errorf("dry run: %d %s", r.status, r.raw)
	}
	d.post(t, "/hooks/jobs", `{"job":"nightly"}`, "Gateway-Dry-Run: 1").refused(t, 401, "missing")
	d.nothingStored(t)
	if d.counted(t, "jobs", ingress.Greeted) != 1 {
		t.Error("it is not counted as a delivery that tried the connection")
	}
}
