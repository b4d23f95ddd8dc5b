package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/qlik/sim"
)

// cli runs a command against the site's console and returns its exit code and all
// it printed.
func (s *site) cli(args ...string) (int, string) {
	var out bytes.Buffer
	code := execute(append(args, "--server", "http://"+s.up.Console), &out, &out)
	return code, out.String()
}

// want runs a command and checks its exit code and what it prints.
func (s *site) want(code int, holds string, args ...string) string {
	s.t.Helper()
	got, out := s.cli(args...)
	if got != code || !strings.Contains(out, holds) {
		s.t.Errorf("gateway %s: exit code %d, want %d and %q in:\n%s", strings.Join(args, " "), got, code, holds, out)
	}
	return out
}

// reconfigure changes the configuration while the gateway is stopped as by kill -9.
func (s *site) reconfigure(old, next string) {
	s.t.Helper()
	s.gateway.kill()
	text, err := os.ReadFile(s.config)
	if err == nil && !strings.Contains(string(text), old) {
		s.t.Fatalf("no %q in the configuration", old)
	}
	if err == nil {
		err = os.WriteFile(s.config, []byte(strings.ReplaceAll(string(text), old, next)), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// runs counts the runs in a state.
func (s *site) runs(state string) int {
	s.t.Helper()
	var list struct{ Data []json.RawMessage }
	s.get("http://"+s.up.Console+"/api/v1/runs?state="+state, &list)
	return len(list.Data)
}

func TestDeadLetterIsSeenMendedReplayedAndDropped(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, do: [{reload: {app: "${data.app}"}}]}
`, "--reload-time", "200ms")
	s.want(exitDone, "no dead letters", "dead", "ls")
	s.hook(`{"job": "nightly"}`)
	s.eventually("a dead letter", func() bool { _, out := s.cli("dead", "ls"); return strings.Contains(out, "bad_argument") })
	s.want(exitDone, `"job": "nightly"`, "dead", "show", "1")
	s.want(exitFailed, "data.app", "dead", "replay", "1")
	s.reconfigure("${data.app}", s.sample("Sales"))
	s.start()
	s.want(exitDone, "/replay/dead-1 for each", "dead", "replay", "1")
	s.want(exitDone, "was replayed before", "dead", "replay", "1")
	s.eventually("the replayed run", func() bool { return s.runs("succeeded") == 1 })
	var letter struct{ Reason, Rule string }
	s.decode([]byte(s.want(exitDone, "", "dead", "show", "1", "--json")), &letter)
	if letter.Reason != "bad_argument" || letter.Rule != "each" {
		t.Errorf("the API shows %+v", letter)
	}
	s.want(exitDone, "dropped 1", "dead", "drop", "1")
	s.want(exitFailed, "no dead letter has this sequence", "dead", "drop", "1")
	s.want(exitFailed, "whole number", "dead", "show", "x")
	if n := len(s.calls("reloadApp")); n != 1 {
		t.Errorf("%d reloads, want 1", n)
	}
}

func TestOtherSitesMayNotReplayOrDrop(t *testing.T) {
	t.Parallel()
	s := newSite(t, salesRule)
	for _, test := range []struct {
		method, path, media, origin string
		want                        int
	}{
		{http.MethodDelete, "/api/v1/dead/1", "", "https://evil.example", http.StatusForbidden},
		{http.MethodDelete, "/api/v1/dead/1", "", "http://" + s.up.Console, http.StatusNotFound},
		{http.MethodDelete, "/api/v1/dead/1", "", "", http.StatusNotFound},
		{http.MethodPost, "/api/v1/dead/1/replay", "text/plain", "", http.StatusUnsupportedMediaType},
		{http.MethodPost, "/api/v1/dead/1/replay", "application/json", "null", http.StatusForbidden},
		{http.MethodPost, "/api/v1/replay", "application/json", "https://evil.example", http.StatusForbidden},
		{http.MethodPost, "/api/v1/replay", "application/json", "", http.StatusBadRequest},
		{http.MethodGet, "/api/v1/dead?limit=0", "", "", http.StatusBadRequest},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+s.up.Console+test.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Content-Type": test.media, "Origin": test.origin} {
			if value != "" {
				request.Header.Set(name, value)
			}
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s %s from %q: %s, want %d", test.method, test.path, test.origin, response.Status, test.want)
		}
	}
}

func TestUnmatchedEventsAreReplayedOnceTheirRuleIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: nightly, on: jobs, when: 'data.job == "nightly"', app: "{{Sales}}", do: [reload]}
`, "--reload-time", "200ms")
	s.hook(`{"job": "hourly", "n": 1}`)
	s.reconfigure(`data.job == "nightly"`, `data.job == "hourly"`)
	s.start()
	s.want(exitDone, "1 event seen, 1 would be replayed", "replay", "--from", "1h", "--dry-run")
	if n := s.runs(""); n != 0 {
		t.Errorf("%d runs after a dry run", n)
	}
	s.want(exitDone, "0 events seen", "replay", "--from", "1h", "--source", "etl")
	lines := strings.Split(strings.TrimSpace(s.want(exitDone, "", "replay", "--from", "1h", "--json", "--rate", "100")), "\n")
	var event struct{ Event struct{ Result, As string } }
	var last struct {
		Summary struct {
			ID       string
			Replayed int
		}
	}
	s.decode([]byte(lines[0]), &event)
	s.decode([]byte(lines[len(lines)-1]), &last)
	if len(lines) != 2 || event.Event.Result != "replayed" || last.Summary.Replayed != 1 {
		t.Errorf("replayed: %q", lines)
	}
	s.want(exitDone, "1 replayed before", "replay", "--from", "1h", "--id", last.Summary.ID)
	s.eventually("the replayed run", func() bool { return s.runs("succeeded") == 1 })
	s.want(exitFailed, "no rule other", "replay", "--from", "1h", "--rule", "other")
	s.want(exitFailed, "no run has this id", "replay", "--run", "none")
	s.want(exitUsage, "--run: chooses its own events", "replay", "--run", "x", "--from", "1h")
}

func TestTenantWithOpenWorkIsNotForgotten(t *testing.T) {
	t.Parallel()
	s := newSite(t, salesRule, "--reload-time", "1h")
	s.hook(`{"job": "nightly"}`)
	s.eventually("a reload", func() bool { return len(s.calls("reloadApp")) == 1 && s.runs("running") == 1 })
	drop := func(code int, holds string) {
		t.Helper()
		dropping := start(t, "tenants", "drop", "acme", "--config", s.config)
		dropping.line(holds)
		<-dropping.done
		_ = dropping.cmd.Wait() // its error is the exit code
		if got := dropping.cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%q with exit code %d, want %d", holds, got, code)
		}
	}
	drop(exitFailed, "take it out of the configuration first")
	s.reconfigure("acme:", "beta:")
	refused := start(t, "run", "--config", s.config)
	refused.line("tenant acme is not configured any more and has 1 open run and 0 events waiting: configure it again, or end them with `gateway tenants drop acme")
	<-refused.done
	drop(exitDone, "tenant acme: 1 run canceled and told, 0 events put")
	drop(exitDone, "nothing left")
	s.start()
	if n := s.runs("canceled"); n != 1 {
		t.Errorf("%d runs are canceled, want 1", n)
	}
	drop(exitFailed, "in use by another gateway")
}

// sample returns the id of one of the tenant's sample apps.
func (s *site) sample(name string) string {
	s.t.Helper()
	var state sim.State
	s.get(s.tenant+"/_sim/state", &state)
	for _, app := range state.Apps {
		if app.Name == name {
			return app.ID
		}
	}
	s.t.Fatalf("no app %s", name)
	return ""
}
