package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/qlikgateway/gateway/events"
)

// A collector takes spans as OTLP over HTTP.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent tracepb.TracesData
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("X-Key") != "a b" {
			t.Errorf("%s %v: %v", r.URL, r.Header, err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of returns the spans of a trace by name.
func (c *collector) of(trace string) map[string]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]*tracepb.Span{}
	for _, span := range c.spans {
		if hex.EncodeToString(span.TraceId) == trace {
			found[span.Name] = span
		}
	}
	return found
}

func TestOneTraceFromSenderToSubscriberAcrossAKill(t *testing.T) {
	t.Parallel()
	const (
		traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
		sender  = "00f067aa0ba902b7"
		parent  = "00-" + traceID + "-" + sender + "-01"
	)
	spans := newCollector(t)
	told := make(chan string, 100)
	subscriber := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header.Get("Traceparent") }))
	t.Cleanup(subscriber.Close)
	s := newSite(t, salesRule+fmt.Sprintf(`
subscriptions:
  - {name: alerts, url: "%s", secret: "whsec_YSBzZWNyZXQgbG9uZyBlbm91Z2ggZm9yIGEgdGVzdA==", validate: false, when: 'type.endsWith("run.succeeded")', allow: [127.0.0.1]}
`, subscriber.URL), "--reload-time", "2s")
	s.gateway.kill()
	s.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + spans.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b", "OTEL_BSP_SCHEDULE_DELAY=20"}
	s.start()
	s.traced(parent)
	s.eventually("spans of the call", func() bool { return spans.of(traceID)["call reload"] != nil })
	s.gateway.kill()
	s.start()
	if got := <-told; got != parent {
		t.Errorf("the subscriber is told traceparent %q, want %q", got, parent)
	}
	want := []string{"accept jobs", "admit refresh-sales", "call poll", "call reload", "deliver alerts", "journal jobs", "publish reload.succeeded", "publish run.succeeded", "run refresh-sales"}
	s.eventually("all spans", func() bool {
		seen := spans.of(traceID)
		return !slices.ContainsFunc(want, func(name string) bool { return seen[name] == nil })
	})
	seen := spans.of(traceID)
	run := hex.EncodeToString(seen["run refresh-sales"].SpanId)
	for name, span := range seen {
		under := sender
		if slices.Contains([]string{"call", "publish", "deliver"}, strings.Fields(name)[0]) {
			under = run
		}
		if got := hex.EncodeToString(span.ParentSpanId); got != under {
			t.Errorf("%s is under %s, want %s", name, got, under)
		}
		if span.EndTimeUnixNano < span.StartTimeUnixNano {
			t.Errorf("%s ended before it began", name)
		}
	}
	if calls := s.calls("reloadApp"); len(calls) != 1 {
		t.Errorf("%d reloads, want 1", len(calls))
	}
}

// traced sends a delivery that is part of a trace.
func (s *site) traced(parent string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.up.HTTP+"/hooks/jobs", strings.NewReader(`{"job": "nightly"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testSecret)
	request.Header.Set("Traceparent", parent)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		s.t.Fatal(response.Status)
	}
}

func TestEventWithoutATraceBeginsOneThatEveryHopFinds(t *testing.T) {
	t.Parallel()
	spans := newCollector(t)
	env := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": spans.URL + "/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-key=a b"}
	tracing, err := openTracing(t.Context(), func(name string) string { return env[name] }, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	event := events.Arrival{Source: "jobs"}
	parent, given := event.Trace()
	now := time.Now()
	tracing.tell(events.Hop{Name: events.HopAccept, Trace: parent, First: !given, Source: "jobs", Began: now, Ended: now})
	tracing.tell(events.Hop{Name: events.HopAdmit, Trace: parent, Rule: "r", Began: now, Ended: now})
	tracing.stop(zerolog.New(zerolog.NewTestWriter(t)))
	seen := spans.of(strings.Split(parent, "-")[1])
	if len(seen) != 2 {
		t.Fatalf("spans %v", seen)
	}
	root, child := seen["accept jobs"], seen["admit r"]
	if len(root.ParentSpanId) != 0 || string(child.ParentSpanId) != string(root.SpanId) {
		t.Errorf("%v is not under %v", child, root)
	}
}

func TestCollectorThatIsAwayIsNoFailureOfTheStop(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, do: [{reload: {app: "${data.app}"}}]}
`)
	s.gateway.kill()
	s.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"}
	s.start()
	s.hook(`{"app": "` + s.sample("Sales") + `"}`)
	if err := s.gateway.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.gateway.line("the last spans are not taken")
	<-s.gateway.done
	if err := s.gateway.cmd.Wait(); err != nil {
		t.Errorf("a gateway that was asked to stop: %v", err)
	}
}

func TestTracesAreOffUnlessAnEndpointIsNamed(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for _, test := range []struct {
		env     map[string]string
		on      bool
		mistake string
	}{
		{env: nil},
		{env: map[string]string{endpoint: "http://localhost:4318"}, on: true},
		{env: map[string]string{endpoint: "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}},
		{env: map[string]string{endpoint: "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"}},
		{env: map[string]string{endpoint: "localhost:4318"}, mistake: "expected a URL"},
		{env: map[string]string{endpoint: "http://localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, mistake: "set http/protobuf"},
		{env: map[string]string{endpoint: "http://localhost:4318", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, mistake: "milliseconds"},
		{env: map[string]string{endpoint: "http://localhost:4318", "OTEL_EXPORTER_OTLP_HEADERS": "sesame"}, mistake: "name=value"},
		{env: map[string]string{endpoint: "https://localhost:4318", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere"}, mistake: "no certificate"},
	} {
		client, err := newOTLP(func(name string) string { return test.env[name] })
		if err == nil && (client != nil) != test.on || (err != nil) != (test.mistake != "") || err != nil && !strings.Contains(err.Error(), test.mistake) {
			t.Errorf("%v: on %v, %v", test.env, client != nil, err)
		}
	}
}
