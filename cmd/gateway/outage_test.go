package main

import (
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestOutageParksEverythingAndDrains lets the tenant answer 503 under a load of
// triggers. By default it is short; with -outage=60s -triggers=100 it takes four minutes.
func TestOutageParksEverythingAndDrains(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, gather: none, do: [{reload: {app: "${data.app}"}}]}
`, "--reload-time", "500ms")
	client, err := qlik.New(qlik.Config{URL: s.tenant, Dialect: qlik.OpenAPI, APIKey: testSecret})
	if err != nil {
		t.Fatal(err)
	}
	apps := make([]string, *triggers)
	for i := range apps {
		app, err := client.CreateApp(t.Context(), qlik.AppCreate{Name: fmt.Sprint("app ", i)})
		if err != nil {
			t.Fatal(err)
		}
		apps[i] = app.ID
	}
	outcomes := s.listen()
	s.fault(fmt.Sprintf(`{"operation":"*","status":503,"for":"%s"}`, *outage))
	for _, app := range apps {
		if status, answer := s.hook(fmt.Sprintf(`{"app": %q}`, app)); status != http.StatusAccepted {
			t.Fatalf("webhook: %d %s", status, answer)
		}
	}
	told := map[string]int{}
	for told["run.succeeded"] < len(apps) {
		select {
		case outcome := <-outcomes:
			told[outcome.noun()]++
			if outcome.noun() == "run.failed" || outcome.noun() == "run.expired" {
				t.Fatalf("a run ended badly: %+v", outcome)
			}
		case <-time.After(*outage + 3*time.Minute):
			t.Fatalf("not drained: %v", told)
		}
	}
	if told["breaker.opened"] != 1 || told["breaker.closed"] != 1 {
		t.Errorf("the breaker was told to open %d and close %d times, want once each", told["breaker.opened"], told["breaker.closed"])
	}
	var calls []sim.Call
	s.get(s.tenant+"/_sim/calls", &calls)
	parked, probes := 0, 0
	var starts []time.Time
	for _, call := range calls {
		switch {
		case call.Status == 503 && call.OperationID == "getAppsPrivileges":
			probes++
		case call.Status == 503:
			parked++
		case call.OperationID == "reloadApp" && call.Status == 201:
			starts = append(starts, call.Time)
		case call.OperationID == "reloadApp":
			t.Errorf("a start was answered %d", call.Status)
		}
	}
	if parked > 12 { // what opened the breaker, and what was under way by then
		t.Errorf("%d calls met the outage, want only what opened the breaker and the probes", parked)
	}
	if len(starts) != len(apps) {
		t.Errorf("%d reloads started, want %d", len(starts), len(apps))
	}
	for i := 50; i < len(starts); i++ {
		if starts[i].Sub(starts[i-50]) < time.Minute {
			t.Errorf("starts %d to %d lie within a minute", i-50, i)
		}
	}
	t.Logf("%d triggers, %s outage: %d calls met it before the breaker opened, then %d probes; drained in %s",
		len(apps), *outage, parked, probes, starts[len(starts)-1].Sub(starts[0]).Round(time.Second))
}

var (
	outage   = flag.Duration("outage", 3*time.Second, "how long the tenant answers 503")
	triggers = flag.Int("triggers", 40, "how many events come during the outage")
)
