package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A webhook collects what a gateway delivers, and verifies it.
type webhook struct {
	*httptest.Server
	mu   sync.Mutex
	got  []heard
	down bool
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
		case w.down:
			answer.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.got = append(w.got, event)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *webhook) set(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
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
	receiver.set(true)
	s.hook(`{"n":2}`)
	s.hook(`{"n":3}`)
	s.gateway.line("answered 503")
	s.gateway.kill()
	receiver.set(false)
	s.start()
	s.eventually("all runs are told", told(3))
	if _, bad := receiver.count(succeeded); len(bad) > 0 {
		t.Errorf("not verified: %v", bad)
	}
}
