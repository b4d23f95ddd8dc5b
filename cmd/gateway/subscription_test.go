package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A webhook collects what a gateway delivers, and verifies it.
type webhook struct {
	*httptest.Server
	mu   sync.Mutex
	got  []heard
	code int // 0 = 200
	bad  []error
}

func newWebhook(t *testing.T, secret string) *webhook {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	w := &webhook{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodOptions {
			answer.Header().Set("WebHook-Allowed-Origin", "*")
			return
		}
		body, err := io.ReadAll(request.Body)
		var event heard
		if err == nil {
			err = verifier.Verify(body, request.Header)
		}
		if err == nil {
			err = json.Unmarshal(body, &event)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case err != nil:
			w.bad = append(w.bad, err)
			answer.WriteHeader(http.StatusBadRequest)
		case w.code > 299:
			answer.WriteHeader(w.code)
		default:
			w.got = append(w.got, event)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

// set makes it answer with a status.
func (w *webhook) set(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.code = code
}

// count returns how many deliveries of a type came, and what could not be verified.
func (w *webhook) count(kind string) (n int, bad []error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, event := range w.got {
		if event.Type == kind {
			n++
		}
	}
	return n, slices.Clone(w.bad)
}

func TestSubscriberIsToldAcrossAKillOfTheGateway(t *testing.T) {
	t.Parallel()
	const secret = "whsec_YSBzZWNyZXQgbG9uZyBlbm91Z2ggZm9yIGEgdGVzdA=="
	receiver := newWebhook(t, secret)
	s := newSite(t, fmt.Sprintf(`
  - {name: refresh, on: jobs, when: "true", app: "{{Sales}}", gather: none, do: [reload]}
subscriptions:
  - {name: alerts, url: "%s/hook", secret: "%s", when: 'rule == "refresh"', allow: [127.0.0.1]}
`, receiver.URL, secret), "--reload-time", "10ms")
	const succeeded = "io.qlikgateway.v1.run.succeeded"
	told := func(n int) func() bool {
		return func() bool { got, _ := receiver.count(succeeded); return got >= n }
	}
	s.hook(`{"n":1}`)
	s.eventually("the first run is told", told(1))
	receiver.set(http.StatusServiceUnavailable)
	s.hook(`{"n":2}`)
	s.hook(`{"n":3}`)
	s.gateway.line("answered 503")
	s.gateway.kill()
	receiver.set(http.StatusOK)
	s.start()
	s.eventually("all runs are told", told(3))
	if _, bad := receiver.count(succeeded); len(bad) > 0 {
		t.Errorf("not verified: %v", bad)
	}
}

func TestOperatorEnablesAndReplaysASubscription(t *testing.T) {
	t.Parallel()
	const secret = "whsec_YSBzZWNyZXQgbG9uZyBlbm91Z2ggZm9yIGEgdGVzdA=="
	receiver := newWebhook(t, secret)
	receiver.set(http.StatusGone)
	s := newSite(t, fmt.Sprintf(`
  - {name: refresh, on: jobs, when: "true", app: "{{Sales}}", gather: none, do: [reload]}
subscriptions:
  - {name: alerts, url: "%s/hook", secret: "%s", when: 'rule == "refresh"', allow: [127.0.0.1]}
`, receiver.URL, secret), "--reload-time", "10ms")
	s.hook(`{"n":1}`)
	ls := func(state string) func() bool {
		return func() bool {
			_, out, _ := command("subscriptions", "ls", "--server", "http://"+s.up.Console)
			return strings.Contains(out, state)
		}
	}
	s.eventually("it is disabled", ls("disabled: gone"))
	receiver.set(http.StatusOK)
	if code, out, errOut := command("subscriptions", "enable", "alerts", "--server", "http://"+s.up.Console); code != 0 || !strings.Contains(out, "told") {
		t.Fatalf("code %d: %s%s", code, out, errOut)
	}
	told := func(n int) func() bool {
		return func() bool { got, _ := receiver.count("io.qlikgateway.v1.run.succeeded"); return got >= n }
	}
	s.eventually("it goes on", told(1))
	if code, out, errOut := command("subscriptions", "replay", "alerts", "--since", "1h", "--server", "http://"+s.up.Console); code != 0 {
		t.Fatalf("code %d: %s%s", code, out, errOut)
	}
	s.eventually("it is told again", told(2))
	for _, wrong := range [][]string{{"enable", "nobody"}, {"replay", "alerts"}, {"replay", "alerts", "--since", "soon"}} {
		if code, _, _ := command(append([]string{"subscriptions", "--server", "http://" + s.up.Console}, wrong...)...); code == 0 {
			t.Errorf("%v is taken", wrong)
		}
	}
}

func TestReaderOfTheFeedIsToldAndLetsTheGatewayStop(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: refresh, on: jobs, when: "true", app: "{{Sales}}", gather: none, do: [reload]}
`, "--reload-time", "10ms")
	text := string(read(t, s.config))
	text = strings.Replace(text, `http: {addr: "127.0.0.1:0"`, `http: {readers: [{name: wall, secret: env:TEST_HOOK}], addr: "127.0.0.1:0"`, 1)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.gateway.kill()
	s.start()
	s.hook(`{"n":1}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.up.HTTP+"/v1/events?since=1h", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testSecret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	told := false
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), "io.qlikgateway.v1.run.succeeded") {
			told = true
			if err := s.gateway.cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !told {
		t.Error("the stream ended before the run's end was told")
	}
	<-s.gateway.done
}
