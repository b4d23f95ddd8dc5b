package ingress_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

const (
	dbtSecret      = "dbt-secret-of-the-test"
	fivetranSecret = "fivetran-secret-of-the-test"
	token          = "a-token-that-is-long-enough"
)

// A shelf stands in for the journal where a test needs its faults, or only to
// see what would be stored.
type shelf struct {
	mu      sync.Mutex
	stored  []events.Arrival
	targets [][]events.Target
	seen    map[string]bool
	err     error
	hold    chan struct{} // when set, Append waits for it to close
	entered chan struct{} // when set, Append says that it waits
}

func (s *shelf) Append(ctx context.Context, a events.Arrival, targets []events.Target, _ uint64) (events.Receipt, error) {
	if s.hold != nil {
		s.entered <- struct{}{}
		<-s.hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return events.Receipt{}, s.err
	}
	if err := ctx.Err(); err != nil {
		return events.Receipt{}, err
	}
	key := a.Source + " " + a.Event.Source() + " " + a.DedupeID
	if s.seen[key] {
		return events.Receipt{Duplicate: true, Sequences: make([]uint64, max(1, len(targets)))}, nil
	}
	s.seen[key] = true
	s.stored = append(s.stored, a)
	s.targets = append(s.targets, targets)
	return events.Receipt{Sequences: make([]uint64, max(1, len(targets)))}, nil
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shelf) arrivals() []events.Arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.stored)
}

// A door is an ingress behind a real HTTP server.
type door struct {
	*ingress.Ingress
	shelf    *shelf
	url      string
	log      *safeBuffer
	registry *prometheus.Registry
}

// safeBuffer is a log that several goroutines may write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// opened starts a door with sources of every kind and a few rules.
func opened(t *testing.T, change func(*ingress.Config)) *door {
	t.Helper()
	d := &door{shelf: &shelf{seen: map[string]bool{}}, log: &safeBuffer{}, registry: prometheus.NewRegistry()}
	config := ingress.Config{Append: d.shelf.Append, Registerer: d.registry, Log: zerolog.New(d.log)}
	if change != nil {
		change(&config)
	}
	in, err := ingress.New(config)
	if err != nil {
		t.Fatal(err)
	}
	d.Ingress = in
	in.Set(live(t, sources(), 1))
	handler, err := in.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config = ingress.NewServer(handler, zerolog.Nop())
	server.Start()
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func sources() []ingress.Source {
	return []ingress.Source{
		{Name: "dbt", Preset: "dbt-cloud", Secrets: []string{dbtSecret}},
		{Name: "fivetran", Preset: "fivetran", Secrets: []string{"a-newer-secret-of-the-test", fivetranSecret}},
		{Name: "qlik", Preset: "qlik-cloud", Secrets: []string{"0123456789abcdef0123456789abcdef"}},
		{Name: "jobs", Verify: ingress.Verifier{HMAC: &ingress.HMAC{Header: "X-Signature", Prefix: "sha256="}}, Secrets: []string{token}},
		{Name: "events", Verify: ingress.Bearer(), Secrets: []string{token}},
		{Name: "basic", Verify: ingress.Verifier{Basic: &ingress.Basic{User: "etl"}}, Secrets: []string{token}},
		{Name: "lab", Verify: ingress.Verifier{None: true}},
		{Name: "etl", NATS: &ingress.Subject{Subject: "etl.*.done"}},
	}
}

func live(t testing.TB, definitions []ingress.Source, revision uint64) ingress.Live {
	t.Helper()
	compiled, problems := ingress.Compile(definitions)
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	names := rules.Names{Tenants: []string{"acme", "umbra"}}
	for _, s := range definitions {
		names.Sources = append(names.Sources, s.Name)
	}
	reload := []rules.StepDefinition{{Action: "reload"}}
	app := "2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90"
	set, problems := rules.Compile([]rules.Definition{
		{Name: "refresh", Tenant: "acme", On: rules.On{Sources: []string{"dbt", "fivetran"}}, When: `outcome == "succeeded"`, App: app, Do: reload},
		{Name: "publish", Tenant: "umbra", On: rules.On{Sources: []string{"fivetran"}}, When: `outcome == "succeeded"`, App: app, Do: reload},
		{Name: "done", Tenant: "acme", On: rules.On{Sources: []string{"events", "lab", "jobs"}}, When: `data.done == true`, App: app, Do: reload},
		{Name: "loaded", Tenant: "acme", On: rules.On{Sources: []string{"etl"}}, When: `data.rows > 0`, App: app, Do: reload},
	}, names)
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	return ingress.Live{Sources: compiled, Rules: set, Revision: revision}
}

// A reply is what a sender got back.
type reply struct {
	status int
	header http.Header
	raw    string
	ingress.Answer
	Events []ingress.Answer
	ingress.Problem
}

// post sends a body with headers given as "Name: value".
func (d *door) post(t *testing.T, path, body string, headers ...string) reply {
	t.Helper()
	return d.do(t, http.MethodPost, path, strings.NewReader(body), headers...)
}

func (d *door) do(t *testing.T, method, path string, body io.Reader, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header[name] = append(request.Header[name], value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: response.StatusCode, header: response.Header, raw: string(raw)}
	if err := json.Unmarshal(raw, &r); err != nil && method != http.MethodHead {
		t.Fatalf("answer is not JSON: %q", raw)
	}
	return r
}

// signed sends a body as a source's sender would.
func (d *door) signed(t *testing.T, source string, body []byte) reply {
	t.Helper()
	h := http.Header{}
	verifier, secret := ingress.Bearer(), token
	for _, s := range sources() {
		if s.Name != source {
			continue
		}
		verifier, secret = s.Verify, s.Secrets[0]
		if preset, ok := ingress.LookupPreset(s.Preset); ok {
			verifier = preset.Verify
		}
	}
	if err := verifier.Sign(h, body, secret, time.Now()); err != nil {
		t.Fatal(err)
	}
	var headers []string
	for name := range h {
		headers = append(headers, name+": "+h.Get(name))
	}
	return d.post(t, "/hooks/"+source, string(body), headers...)
}

// sampleNow is the time of signatures that do not cover it.
func sampleNow() time.Time { return time.Unix(1_800_000_000, 0) }
