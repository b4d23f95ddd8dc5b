package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const refreshSales = `
  - {name: refresh, on: jobs, when: "true", app: "{{Sales}}", gather: none, do: [reload]}
`

// webhook registers one at the simulated tenant, as an administrator would.
func (s *site) webhook(events ...string) {
	s.t.Helper()
	body := `{"name":"gateway","url":"http://` + s.up.HTTP + `/hooks/qlik","enabled":true,"secret":"` + qlikSecret + `","eventTypes":["` + strings.Join(events, `","`) + `"]}`
	if status, answer := s.post(s.tenant+"/api/v1/webhooks", body); status != http.StatusCreated {
		s.t.Fatalf("create webhook: %d %s", status, answer)
	}
}

func TestQliksOwnEventSavesThePolls(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--dialect", "cloud", "--reload-time", "1s") // polls are two seconds apart
	s.webhook("com.qlik.v1.reload.finished")
	outcomes := s.listen()
	s.hook(`{"n":1}`)
	timeout := time.After(patience)
	for told := false; !told; {
		select {
		case outcome := <-outcomes:
			told = outcome.Type == "io.qlikgateway.v1.run.succeeded"
		case <-timeout:
			t.Fatal("the run does not end")
		}
	}
	if polls := s.calls("getReload"); len(polls) != 1 {
		t.Errorf("%d polls, want the one after the push", len(polls))
	}
}

func TestForgedPushIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--dialect", "cloud", "--reload-time", "10s")
	s.hook(`{"n":1}`)
	s.eventually("the reload runs", func() bool { return len(s.calls("reloadApp")) == 1 })
	id := s.calls("reloadApp")[0].ReloadID
	before := len(s.calls("getReload"))
	body := `{"specversion":"1.0","id":"e","source":"com.qlik/reloads","type":"com.qlik.v1.reload.finished","data":{"id":"` + id + `","succeeded":true}}`
	if status, answer := s.post("http://"+s.up.HTTP+"/hooks/qlik", body); status != http.StatusUnauthorized {
		t.Errorf("unsigned: %d %s", status, answer)
	}
	if polls := len(s.calls("getReload")); polls > before+1 {
		t.Errorf("%d polls after the forged push", polls-before)
	}
}

// reloads has somebody else reload an app at the tenant, and returns the reload's id.
func (s *site) reloads(app, origin string) string {
	s.t.Helper()
	status, answer := s.post(s.tenant+"/_sim/reloads", `{"appId":"`+app+`","type":"`+origin+`"}`)
	var made struct{ ID string }
	if s.decode([]byte(answer), &made); status != http.StatusCreated {
		s.t.Fatalf("reload by %s: %d %s", origin, status, answer)
	}
	return made.ID
}

func TestForeignReloadIsToldOnceAcrossAKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--dialect", "cloud", "--reload-time", "100ms")
	s.webhook("com.qlik.v1.reload.finished", "com.qlik.v1.app.reload.finished")
	outcomes := s.listen()
	s.fault(`{"operation":"getReload","status":503,"count":3}`)
	id := s.reloads(s.sample("Finance"), "chronos")
	s.gateway.line("Qlik says a reload is over")
	s.gateway.kill()
	s.start()
	again := s.listen()
	want := heard{}
	wait := func(from <-chan heard, kind string) {
		timeout := time.After(patience)
		for {
			select {
			case want = <-from:
				if strings.HasPrefix(want.Type, "io.qlikgateway.v1.foreign_reload.") && kind == "run.succeeded" {
					t.Errorf("told again: %+v", want)
				}
				if want.Type == "io.qlikgateway.v1."+kind {
					return
				}
			case <-timeout:
				t.Fatalf("no %s", kind)
			}
		}
	}
	if len(outcomes) == 0 {
		wait(again, "foreign_reload.succeeded")
		if want.ID != "acme/reloads/"+id {
			t.Errorf("told as %+v", want)
		}
	}
	s.webhook("com.qlik.v1.reload.finished") // at the new address
	s.hook(`{"n":1}`)                        // our own is not foreign
	wait(again, "run.succeeded")
}
