package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestOperatorPausesAndResumes(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, do: [{reload: {app: "${data.app}"}}]}
`)
	s.eventually("a dispatcher at work", func() bool { _, out := s.cli("tenants", "ls"); return strings.Contains(out, "closed") })
	s.want(exitDone, "nothing is paused", "pause", "ls")
	s.want(exitDone, "month-end", "pause", "rule", "each", "--reason", "month-end", "--for", "1h")
	s.want(exitFailed, `no rule "none"`, "pause", "rule", "none")
	s.want(exitFailed, `no app is called "sale"`, "pause", "app", "sale")
	s.want(exitDone, "local: createPause pauses/acme.rule.each, done", "events", "tail", "--once")
	s.want(exitFailed, "before it begins", "pause", "tenant", "--until", "2020-01-01T00:00:00Z")
	s.want(exitUsage, "one of --for", "pause", "tenant", "--until", "2020-01-01T00:00:00Z", "--for", "1h")
	s.hook(`{"app": "` + s.sample("Sales") + `"}`)
	run := s.newest("gathering", "ready")
	s.eventually("the run says why it waits", func() bool {
		_, out := s.cli("runs", "show", run)
		return strings.Contains(out, "rule each: month-end")
	})
	s.eventually("the tenant says what waits", func() bool { _, out := s.cli("tenants", "ls"); return strings.Contains(out, "1 paused") })
	s.want(exitDone, "month-end", "pause", "ls")
	s.want(exitDone, "rule.paused", "events", "tail", "--once")
	s.eventually("the console shows it", func() bool { return strings.Contains(s.page("/"), "Resume rule each") })
	s.want(exitFailed, "is not paused", "resume", "app", "sales")
	s.want(exitDone, "resumed: rule each", "resume", "rule", "each")
	s.want(exitDone, "SUCCEEDED", "runs", "watch", run)

	s.want(exitDone, "breaker", "breaker", "open", "--reason", "Qlik moves")
	s.hook(`{"app": "` + s.sample("Finance") + `"}`)
	held := s.newest("gathering", "ready")
	s.want(exitDone, "Qlik moves", "breaker", "ls")
	s.want(exitDone, "open (by hand)", "tenants", "ls")
	form := url.Values{"id": {"acme.breaker"}}
	response, err := http.PostForm("http://"+s.up.Console+"/pauses/resume", form)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	s.want(exitDone, "SUCCEEDED", "runs", "watch", held)
	s.want(exitFailed, "the breaker is closed", "breaker", "close")
}

// page returns a page of the console.
func (s *site) page(path string) string {
	s.t.Helper()
	response, err := http.Get("http://" + s.up.Console + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func TestAppIsFoundAndPausedHoweverItsIDIsWritten(t *testing.T) {
	t.Parallel()
	cfg, problems := parseConfig("gateway.yaml", []byte(tenant+"apps: {sales: {id: 8EE2A60D-062C-47e4-8d0a-88b6df20f88f}}\n"), environment)
	if cfg == nil || cfg.Apps["8ee2a60d-062c-47e4-8d0a-88b6df20f88f"] != "sales" {
		t.Fatalf("a run's app has no name: %v, %s", cfg, lines(problems))
	}
	s := newSite(t, `
  - {name: each, on: jobs, do: [{reload: {app: "${data.app}"}}]}
`)
	s.eventually("a dispatcher at work", func() bool { _, out := s.cli("tenants", "ls"); return strings.Contains(out, "closed") })
	app := strings.ToUpper(s.sample("Sales"))
	s.want(exitDone, "month-end", "pause", "app", app, "--reason", "month-end")
	s.hook(`{"app": "` + s.sample("Sales") + `"}`)
	run := s.newest("gathering", "ready", "running", "succeeded")
	s.eventually("the run waits for its app", func() bool { _, out := s.cli("runs", "show", run); return strings.Contains(out, "month-end") })
	s.eventually("the run is found", func() bool { _, out := s.cli("runs", "ls", "--app", app); return strings.Contains(out, run) })
	s.want(exitDone, "resumed: app", "resume", "app", app)
	s.want(exitDone, "SUCCEEDED", "runs", "watch", run)
}
