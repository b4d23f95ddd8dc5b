package sim_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

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
