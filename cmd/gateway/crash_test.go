package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/qlik/sim"
)

const salesRule = `
  - {name: refresh-sales, on: jobs, app: "{{Sales}}", do: [reload]}
`

// TestKilledGatewayStartsNothingTwice kills the gateway with -9 at the worst
// moments and lets it start again on its data.
func TestKilledGatewayStartsNothingTwice(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"while the reload runs":            "",
		"before the answer to the request": `{"operation":"reloadApp","delay":"20s","count":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, salesRule, "--reload-time", "2s")
			if fault != "" {
				s.fault(fault)
			}
			if status, answer := s.hook(`{"job": "nightly"}`); status != http.StatusAccepted {
				t.Fatalf("webhook: %d %s", status, answer)
			}
			s.eventually("a reload at the tenant", func() bool {
				var state sim.State
				s.get(s.tenant+"/_sim/state", &state)
				return len(state.Reloads) == 1
			})
			s.gateway.kill()
			s.start()
			outcomes := s.listen()
			told := map[string]int{}
			for told["run.succeeded"] == 0 {
				select {
				case outcome := <-outcomes:
					told[outcome.noun()]++
				case <-time.After(patience):
					t.Fatalf("no end; told %v", told)
				}
			}
			if told["reload.succeeded"] != 1 || told["run.succeeded"] != 1 {
				t.Errorf("told %v, want one end of the reload and one of the run", told)
			}
			if calls := s.calls("reloadApp"); len(calls) != 1 {
				t.Errorf("the tenant was asked for %d reloads, want 1: %+v", len(calls), calls)
			}
		})
	}
}

func TestTenDeliveriesOfOneEventAreOneRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, salesRule, "--reload-time", "300ms")
	event := `{"specversion":"1.0","id":"e-1","source":"/me","type":"done","data":{}}`
	duplicates := 0
	for range 10 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.up.HTTP+"/hooks/jobs", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+testSecret)
		request.Header.Set("Content-Type", "application/cloudevents+json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Duplicate bool }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if answer.Duplicate {
			duplicates++
		}
	}
	if duplicates != 9 {
		t.Errorf("%d of 10 deliveries were duplicates, want 9", duplicates)
	}
	var list struct{ Data []struct{ State string } }
	s.eventually("an ended run", func() bool {
		s.get("http://"+s.up.Console+"/api/v1/runs", &list)
		return len(list.Data) > 0 && list.Data[0].State == "succeeded"
	})
	if len(list.Data) != 1 || len(s.calls("reloadApp")) != 1 {
		t.Errorf("%d runs and %d reloads, want one each", len(list.Data), len(s.calls("reloadApp")))
	}
}

func TestNatsUserMayTriggerAndListenAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: refresh-sales, on: etl, app: "{{Sales}}", do: [reload]}
`, "--reload-time", "300ms")
	outcomes := s.listen()
	refused := make(chan error, 10)
	conn, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", testSecret),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, subject := range []string{"gateway.in.acme.etl", "gateway.out.acme.run.succeeded.x", "qlik.events.acme.run.succeeded.x", "$KV.GATEWAY_LEDGER.epoch.acme", "$JS.API.STREAM.PURGE.GATEWAY_IN"} {
		if err := conn.Publish(subject, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !strings.Contains(strings.ToLower(fmt.Sprint(err)), "permissions violation") {
				t.Errorf("publish to %s: %v", subject, err)
			}
		case <-time.After(patience):
			t.Errorf("publish to %s was not refused", subject)
		}
	}
	if err := conn.Publish("etl.x.done", []byte(`{"rows": 7}`)); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case outcome := <-outcomes:
			if outcome.noun() == "run.succeeded" {
				return
			}
		case <-time.After(patience):
			t.Fatal("no outcome")
		}
	}
}
