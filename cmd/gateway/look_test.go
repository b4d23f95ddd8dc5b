package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

func TestOperatorLooksWatchesAndCancels(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, do: [{reload: {app: "${data.app}"}}]}
`, "--reload-time", "1s")
	s.want(exitDone, "each", "rules", "ls")
	s.want(exitDone, "jobs", "sources", "ls")
	s.eventually("a dispatcher at work", func() bool { _, out := s.cli("tenants", "ls"); return strings.Contains(out, "closed") })
	s.want(exitDone, "run.succeeded", "events", "types")
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte(`{"app": "a"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(exitDone, "each", "rules", "try", "--source", "jobs", "--data", body)
	s.want(exitFailed, "expected the name of a configured source", "rules", "try", "--source", "nobody")
	s.want(exitFailed, "no run has this id", "runs", "watch", "none")
	s.want(exitFailed, "no run has this id", "runs", "cancel", "none")
	s.want(exitFailed, "no run has this id", "runs", "log", "none")
	for _, args := range [][]string{{"rules", "ls"}, {"sources", "ls"}, {"tenants", "ls"}} {
		code, out := s.cli(append(args, "--json")...)
		if code != exitDone || !json.Valid([]byte(out)) {
			t.Errorf("%v --json: %d %s", args, code, out)
		}
	}
	s.hook(`{"app": "` + s.sample("Sales") + `"}`)
	first := s.newest("succeeded", "running", "ready")
	s.eventually("the source tells of its newest delivery", func() bool {
		_, out := s.cli("sources", "ls", "--json")
		return strings.Contains(out, `"last_delivery"`)
	})
	s.want(exitDone, "SUCCEEDED", "runs", "watch", first)
	s.want(exitDone, "Execution started.", "runs", "log", first)
	s.want(exitDone, `{"log":"`, "runs", "log", first, "--json")
	s.want(exitFailed, "has started no reload", "runs", "log", first, "--step", "other")
	if _, out := s.cli("runs", "show", first); strings.Contains(out, "runs log") {
		t.Errorf("a reload that succeeded: %s", out)
	}
	s.want(exitFailed, "gateway: refused: run "+first+" is not open", "runs", "cancel", first)
	s.want(exitDone, "run.succeeded", "events", "tail", "--once", "--run", first)
	s.hook(`{"app": "` + s.sample("Finance") + `"}`)
	second := s.newest("running", "ready")
	s.want(exitDone, second, "runs", "cancel", second)
	s.want(exitSurprise, "canceled", "runs", "watch", second)
	s.want(exitDone, "replayed", "runs", "retry", second)
	s.eventually("the run that repeats it", func() bool { return s.runs("succeeded") == 2 })
	s.hook(`{"app": "` + s.sample("Broken") + `"}`)
	broken := s.newest("failed")
	s.want(exitDone, "gateway runs log "+broken, "runs", "show", broken)
	s.want(exitDone, "Error: ", "runs", "log", broken)
}

func TestEveryRunThatWaitsIsCounted(t *testing.T) {
	t.Parallel()
	status := bridge.Status{Open: 130, Waits: map[bridge.Wait]int{bridge.WaitApp: 120, bridge.WaitGather: 7, bridge.DoingReload: 3}, Parked: make([]bridge.Parked, 50)}
	if cells := strings.Join(tenantCells(console.TenantStatus{Status: &status}), "|"); !strings.Contains(cells, "|130|127|") || !strings.HasSuffix(cells, "|120 app_busy, 7 gathering") {
		t.Error(cells)
	}
}

func TestTenantThatNothingGoesToSaysWhy(t *testing.T) {
	t.Parallel()
	for want, breaker := range map[string]bridge.BreakerStatus{
		"Qlik refuses the gateway's credentials; 2 tenant_held": {State: "held"},
		"Qlik does not answer; 2 tenant_held":                   {State: "open"},
		"2 tenant_held":                                         {State: "closed"},
	} {
		status := bridge.Status{Waits: map[bridge.Wait]int{bridge.WaitHeld: 2}, Breaker: breaker}
		if cells := tenantCells(console.TenantStatus{Status: &status}); cells[len(cells)-1] != want {
			t.Errorf("%s: %s", breaker.State, cells[len(cells)-1])
		}
	}
}

// newest waits for a run in one of some states and returns its id.
func (s *site) newest(states ...string) string {
	s.t.Helper()
	var id string
	s.eventually("a run that is "+strings.Join(states, " or "), func() bool {
		for _, state := range states {
			var list struct{ Data []struct{ ID string } }
			s.get("http://"+s.up.Console+"/api/v1/runs?limit=1&state="+state, &list)
			if len(list.Data) > 0 {
				id = list.Data[0].ID
			}
		}
		return id != ""
	})
	return id
}

func TestCommandWithoutTokenSaysWhereOneIsRead(t *testing.T) {
	t.Parallel()
	console := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		answer.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(answer, `{"detail": "send a token"}`)
	}))
	t.Cleanup(console.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"send a token (none was given; it is read from --token-file or $GATEWAY_TOKEN)": {"runs", "ls"},
		"send a token (the one given is not among them;":                                {"runs", "ls", "--token-file", token},
	} {
		if code, _, errOut := command(append(args, "--server", console.URL)...); code != exitFailed || !strings.Contains(errOut, want) {
			t.Errorf("%v: %d %s", args, code, errOut)
		}
	}
}
