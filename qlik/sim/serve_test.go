package sim_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// serve puts a tenant on a socket and gives its address.
func serve(t testing.TB, tenant *sim.Tenant) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, listener, tenant) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

// control sends a request to the control plane and gives the answer's status.
func control(t *testing.T, method, address, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}

func TestControlPlaneInjectsFaultsAndListsCalls(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	tenant := sim.New(sim.Config{})
	address := serve(t, tenant)
	client, err := qlik.New(qlik.Config{URL: address, OAuth: tenant.OAuth()})
	if err != nil {
		t.Fatal(err)
	}
	if status := control(t, "POST", address+"/_sim/faults", `{"operation":"reloadApp","status":503,"count":2}`, nil); status != 201 {
		t.Fatalf("fault: %d", status)
	}
	app := tenant.App("Sales")
	for range 2 {
		_, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app})
		if e := failure(t, err); e.Status != 503 || !e.Sent {
			t.Errorf("got %v, want 503", e)
		}
	}
	reload, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app})
	if err != nil {
		t.Fatal(err)
	}
	var calls []sim.Call
	control(t, "GET", address+"/_sim/calls", "", &calls)
	if len(calls) != 4 || calls[0].OperationID != "oauthToken" || calls[1].Status != 503 || calls[3].Status != 201 ||
		calls[3].ReloadID != reload.ID || calls[3].AppID != app || calls[3].Time.IsZero() {
		t.Errorf("calls: %+v", calls)
	}
	control(t, "POST", address+"/_sim/advance", `{"by":"1h"}`, nil)
	var state sim.State
	control(t, "GET", address+"/_sim/state", "", &state)
	if len(state.Reloads) != 1 || state.Reloads[0].Status != "SUCCEEDED" || len(state.Apps) < 3 || len(state.Spaces) < 3 {
		t.Errorf("state: %+v", state)
	}
	if status := control(t, "POST", address+"/_sim/faults", `{"operation":"*","drop":"before"}`, nil); status != 201 {
		t.Fatalf("fault: %d", status)
	}
	_, err = client.CopyApp(ctx, app, qlik.AppCopy{})
	if e := failure(t, err); e.Status != 0 || !e.Sent {
		t.Errorf("got %v, want a cut connection", e)
	}
	if status := control(t, "DELETE", address+"/_sim/faults", "", nil); status != 204 {
		t.Errorf("clear: %d", status)
	}
	if _, err = client.CopyApp(ctx, app, qlik.AppCopy{}); err != nil {
		t.Error(err)
	}
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	address := serve(t, sim.New(sim.Config{}))
	for _, body := range []string{
		`{"operation":"reload","status":503}`, `{"operation":"reloadApp"}`, `{"operation":"*","status":200}`,
		`{"operation":"*","drop":"maybe"}`, `{"operation":"*","status":503,"for":"soon"}`, `{"operation":"*","stauts":503}`, `{`,
	} {
		var answer struct{ Error string }
		if status := control(t, "POST", address+"/_sim/faults", body, &answer); status != 400 || answer.Error == "" {
			t.Errorf("%s: %d %q", body, status, answer.Error)
		}
	}
}

func TestSeedMakesTheSameTenant(t *testing.T) {
	t.Parallel()
	one, same, other := sim.New(sim.Config{Seed: 1}), sim.New(sim.Config{Seed: 1}), sim.New(sim.Config{Seed: 2})
	if one.App("Sales") != same.App("Sales") || one.APIKey() != same.APIKey() || one.OAuth() != same.OAuth() {
		t.Error("the same seed makes another tenant")
	}
	if one.App("Sales") == other.App("Sales") || one.APIKey() == other.APIKey() {
		t.Error("another seed makes the same tenant")
	}
	if got := one.App("Sales"); got != "8ee2a60d-062c-47e4-8d0a-88b6df20f88f" {
		t.Errorf("seed 1 makes Sales %s: the documentation names it otherwise", got)
	}
}

func TestUnknownPathIsAnsweredAndWrittenDown(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{})
	address := serve(t, tenant)
	for _, path := range []string{"/", "/api/v1/apps/x/unknown", "/api/v2/apps"} {
		if got := control(t, "GET", address+path, "", nil); got != 401 {
			t.Errorf("%s without a key: %d, want 401", path, got)
		}
		if status := ask(t, tenant, "GET", path, "", nil); status != 404 {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	if calls := tenant.Calls(); calls[0].OperationID != "" || calls[0].Path != "GET /" {
		t.Errorf("written down as %+v", calls[0])
	}
}

func TestStaticPathsWinOverIdentifiers(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{})
	for request, want := range map[string]string{
		"GET /spaces/types": "listSpaceTypes", "GET /spaces/typest": "getSpace", "POST /apps/import": "importApp", "GET /apps/import": "getApp",
		"PUT /apps/import": "updateApp", "GET /apps/a%2Fimport": "getApp", "DELETE /spaces/types": "deleteSpace",
	} {
		method, path, _ := strings.Cut(request, " ")
		ask(t, tenant, method, path, "{}", nil)
		if calls := tenant.Calls(); calls[len(calls)-1].OperationID != want {
			t.Errorf("%s is %s, want %s", request, calls[len(calls)-1].OperationID, want)
		}
	}
}

func TestCallsAndCancelsShareOneQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the reload stays queued: no time passes between the calls
		ctx, tenant := t.Context(), sim.New(sim.Config{Quota: sim.Quota{Reload: sim.Limit{Calls: 3, Per: time.Hour}}})
		c := call(t, tenant)
		x, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.CancelReload(ctx, x.ID); err != nil {
				t.Fatal(err)
			}
		}
		_, err = c.CancelReload(ctx, x.ID)
		status(t, "the fourth", err, 429)
		other := meet(t, tenant, sim.User{Name: "Other", Roles: []string{sim.RoleTenantAdmin}})
		if _, err := other.CancelReload(ctx, x.ID); err != nil {
			t.Errorf("another user has a quota of their own: %v", err)
		}
	})
}
