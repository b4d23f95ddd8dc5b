package console_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

func TestReloadLogIsCappedAndScrubbedAndTakesAnOperator(t *testing.T) {
	t.Parallel()
	log := strings.Repeat("a long line of a long log\n", 40_000) + "CONNECT TO 'db' (Password=canary-1;user=x)\nhttps://u:canary-2@h/x\nAuthorization: Bearer canary-3\nError: field not found\n"
	d := newDesk(t, func(cfg *console.Config) {
		cfg.Tokens = []console.Token{{Name: "ann", Role: console.Operator, Secret: "operator"}, {Name: "bob", Role: console.Viewer, Secret: "viewer"}}
		cfg.ReloadLog = func(_ context.Context, tenant, app, reload string) (io.ReadCloser, error) {
			if tenant != "acme" || app == "" || reload != "reload-0" {
				t.Errorf("asked for the log of %s %s %s", tenant, app, reload)
			}
			return io.NopCloser(strings.NewReader(log)), nil
		}
	})
	id := d.put(0, 1, bridge.RunFailed, bridge.StepFailed)
	path := "/api/v1/runs/" + id + "/log"
	if got := d.ask("GET", path, "", "Authorization", "Bearer viewer"); got.StatusCode != http.StatusForbidden {
		t.Errorf("a viewer: %s", got.Status)
	}
	got := d.ask("GET", path+"?step=reload", "", "Authorization", "Bearer operator")
	if got.StatusCode != http.StatusOK || strings.Contains(got.body, "canary") || !strings.HasSuffix(got.body, "Error: field not found\n") {
		t.Errorf("%s, %q", got.Status, got.body[max(0, len(got.body)-300):])
	}
	if len(got.body) > 300<<10 || !strings.HasPrefix(got.body, "(the beginning is left out)\n") {
		t.Errorf("%d bytes", len(got.body))
	}
	if got := d.ask("GET", path+"?step=other", "", "Authorization", "Bearer operator"); got.StatusCode != http.StatusNotFound {
		t.Errorf("another step: %s", got.Status)
	}
}
