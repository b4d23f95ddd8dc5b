package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// pipelines are the other end of callbacks: who was called on which path with what.
type pipelines struct {
	*httptest.Server
	mu     sync.Mutex
	called map[string][]string // bodies by path
	status int                 // 0 = 200
	tries  int
	unsure []error
}

const callbackSecret = "whsec_YSBzZWNyZXQgbG9uZyBlbm91Z2ggZm9yIGEgdGVzdA=="

func newPipelines(t *testing.T) *pipelines {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(callbackSecret)
	if err != nil {
		t.Fatal(err)
	}
	p := &pipelines{called: map[string][]string{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.tries++
		if err == nil && strings.HasPrefix(r.URL.Path, "/signed") {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil {
			p.unsure = append(p.unsure, err)
		}
		if p.status != 0 {
			w.WriteHeader(p.status)
			return
		}
		path := strings.TrimPrefix(r.URL.RequestURI(), "/")
		p.called[path] = append(p.called[path], string(body))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pipelines) answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *pipelines) heard(path string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.called[path]
}

// callbackSite is a site whose sources may call the pipelines back.
func callbackSite(t *testing.T, p *pipelines, rules string) *site {
	t.Helper()
	s := newSite(t, rules, "--reload-time", "100ms")
	text := strings.NewReplacer("on: jobs", "on: adf", "on: etl", "on: batch", "sources:", fmt.Sprintf(`sources:
  adf: {preset: azure-data-factory, verify: bearer, secret: env:TEST_HOOK, callback: {hosts: [127.0.0.1], allow: [127.0.0.1]}}
  batch: {verify: bearer, secret: env:TEST_HOOK, callback: {hosts: [127.0.0.1], allow: [127.0.0.1], secret: "%s"}}`, callbackSecret)).Replace(string(read(t, s.config)))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.gateway.kill()
	s.start()
	return s
}

const callbackRules = `
  - {name: load, on: jobs, when: 'job == "SalesLoad" && outcome == "succeeded"', app: "{{Sales}}", gather: none, do: [reload]}
  - {name: named, on: jobs, when: 'job == "NoSuchApp"', app: "${job}", do: [reload]}
  - {name: gathered, on: etl, when: "true", app: "{{Sales}}", gather: {quiet: 500ms}, do: [reload]}
`

func (s *site) sendTo(source, body string) {
	s.t.Helper()
	if status, answer := s.post("http://"+s.up.HTTP+"/hooks/"+source, body); status != http.StatusAccepted {
		s.t.Fatalf("%d %s", status, answer)
	}
}

func TestDataFactoryPipelineEndsAsItsReloadEnded(t *testing.T) {
	t.Parallel()
	p := newPipelines(t)
	s := callbackSite(t, p, callbackRules)
	type answer struct {
		Output     map[string]string
		StatusCode string
		Error      *struct{ ErrorCode, Message string }
	}
	wait := func(path string) (a answer) {
		s.eventually("called back", func() bool { return len(p.heard(path)) > 0 })
		if err := json.Unmarshal([]byte(p.heard(path)[0]), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	activity := func(path string) string {
		return fmt.Sprintf(`{"job":"SalesLoad","run_id":"%s","outcome":"succeeded","callBackUri":"%s/%s"}`, path, p.URL, path)
	}
	s.sendTo("adf", activity("callback/good?token=secret-1"))
	if a := wait("callback/good?token=secret-1"); a.StatusCode != "200" || a.Error != nil || a.Output["state"] != "succeeded" || a.Output["run"] == "" {
		t.Errorf("after a reload that succeeded: %+v", a)
	}
	s.fault(`{"fail_reload": "EngineError", "count": 1}`)
	s.sendTo("adf", activity("callback/bad?token=secret-2"))
	if a := wait("callback/bad?token=secret-2"); a.StatusCode != "500" || a.Error == nil || a.Error.ErrorCode != "reload_failed" || a.Error.Message == "" || a.Output["state"] != "failed" {
		t.Errorf("after a reload that failed: %+v", a)
	}
	if n := len(p.heard("callback/good?token=secret-1")); n != 1 {
		t.Errorf("called back %d times", n)
	}
	s.sendTo("adf", strings.Replace(activity("callback/dead?token=secret-3"), "SalesLoad", "NoSuchApp", 1))
	if a := wait("callback/dead?token=secret-3"); a.StatusCode != "500" || a.Error == nil || a.Error.ErrorCode != "bad_argument" || !strings.Contains(a.Error.Message, "NoSuchApp") {
		t.Errorf("after an event that became a dead letter: %+v", a)
	}
}

func TestEveryCauseIsCalledBackAcrossAKillOfTheGateway(t *testing.T) {
	t.Parallel()
	p := newPipelines(t)
	s := callbackSite(t, p, callbackRules)
	p.answer(http.StatusServiceUnavailable)
	for i := range 3 {
		s.sendTo("batch", fmt.Sprintf(`{"n":%d,"callback":"%s/signed/%d"}`, i, p.URL, i))
	}
	s.sendTo("batch", `{"n":9}`) // nobody waits for this one
	s.gateway.line("answered 503")
	s.gateway.kill()
	p.answer(0)
	s.start()
	runs := map[string]int{}
	for i := range 3 {
		path := fmt.Sprint("signed/", i)
		s.eventually("called back", func() bool { return len(p.heard(path)) > 0 })
		var event struct {
			Type string
			Data struct {
				Run    string
				Causes struct{ Count int }
			}
		}
		s.decode([]byte(p.heard(path)[0]), &event)
		runs[event.Data.Run]++
		if event.Type != "io.qlikgateway.v1.run.succeeded" || event.Data.Causes.Count != 4 {
			t.Errorf("told %+v", event)
		}
	}
	if len(runs) != 1 {
		t.Errorf("%d runs, want one for all", len(runs))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unsure) > 0 || len(p.called) != 3 {
		t.Errorf("called %v; not verified: %v", p.called, p.unsure)
	}
}

func TestOnlyHostsOfTheSourceAreCalledBack(t *testing.T) {
	t.Parallel()
	p := newPipelines(t)
	s := callbackSite(t, p, callbackRules)
	for _, address := range []string{
		"https://evil.example.com/x", "https://x.y.svc.datafactory.azure.com/x", "http://169.254.169.254/latest", "https://svc.datafactory.azure.com/x",
		"https://user:pw@127.0.0.1/x", "ftp://127.0.0.1/x", "127.0.0.1", "https://127.0.0.1.evil.example.com/", "http://[::1]/",
	} {
		status, answer := s.post("http://"+s.up.HTTP+"/hooks/adf", fmt.Sprintf(`{"job":"x","outcome":"succeeded","callBackUri":%q}`, address))
		if status != http.StatusForbidden || !strings.Contains(answer, "callBackUri") || strings.Contains(answer, "user:pw") {
			t.Errorf("%s: %d %s", address, status, answer)
		}
	}
	s.hook(fmt.Sprintf(`{"callback":"%s/none"}`, p.URL)) // a source that lets nobody ask
	s.sendTo("batch", fmt.Sprintf(`{"callback":"%s/signed/one"}`, p.URL))
	s.eventually("called back", func() bool { return len(p.heard("signed/one")) > 0 })
	if n := len(p.heard("none")); n > 0 {
		t.Errorf("called back %d times for a source without callbacks", n)
	}
}

func TestRefusedCallbackIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	p := newPipelines(t)
	s := callbackSite(t, p, callbackRules)
	p.answer(http.StatusNotFound)
	s.sendTo("batch", fmt.Sprintf(`{"callback":"%s/signed/gone?sig=do-not-show"}`, p.URL))
	line := s.gateway.line(`"hop":"callback"`)
	if !strings.Contains(line, `"given_up":true`) || strings.Contains(line, "do-not-show") {
		t.Errorf("the log says %s", line)
	}
	p.answer(0)
	s.sendTo("batch", fmt.Sprintf(`{"callback":"%s/signed/next"}`, p.URL))
	s.eventually("called back", func() bool { return len(p.heard("signed/next")) > 0 })
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tries != 2 {
		t.Errorf("%d calls, want 2", p.tries)
	}
}
