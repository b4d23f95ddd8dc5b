package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A rotating gateway reads every secret from a file of its own, as from a mounted Secret.
type rotating struct {
	t      *testing.T
	folder string
	look   chan time.Time
	at     addresses
	log    *lockedBuffer
}

// rotate starts a gateway for a tenant, with secrets that count no longer there.
func rotate(t *testing.T, tenant *sim.Tenant) *rotating {
	t.Helper()
	qlik := httptest.NewServer(tenant.Handler())
	t.Cleanup(qlik.Close)
	r := &rotating{t: t, folder: t.TempDir(), look: make(chan time.Time), log: &lockedBuffer{}}
	for _, name := range []string{"key", "hook", "user", "reader", "token"} {
		r.write(name, "the-first-"+name+"-of-the-test")
	}
	text := fmt.Sprintf(`
http: {addr: '127.0.0.1:0', readers: [{name: wall, secret: 'file:$/reader'}]}
console: {addr: '127.0.0.1:0', tokens: [{name: ada, role: operator, secret: 'file:$/token'}]}
broker: {data_dir: $/data, listen: '127.0.0.1:0', users: [{name: etl, secret: 'file:$/user', publish: ['etl.>']}]}
tenants: {acme: {url: '%s', api_key: 'file:$/key'}}
sources: {jobs: {verify: bearer, secret: 'file:$/hook'}}
rules: [{name: r, on: jobs, app: %s, gather: none, do: [reload]}]
`, qlik.URL, tenant.App("Sales"))
	path := filepath.Join(r.folder, "gateway.yaml")
	r.write("gateway.yaml", strings.ReplaceAll(text, "$", r.folder))
	cfg, problems := loadConfig(path)
	if cfg == nil {
		t.Fatal(lines(problems))
	}
	limits := bridge.DefaultLimits()
	limits.Probe = 50 * time.Millisecond
	g := &gateway{cfg: cfg, log: zerolog.New(r.log), limits: limits, files: &configFiles{path: path, asks: make(chan os.Signal), look: r.look}}
	ctx, stop := context.WithCancel(context.Background())
	up, ended := make(chan addresses, 1), make(chan error, 1)
	go func() { ended <- g.run(ctx, func(a addresses) { up <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	select {
	case r.at = <-up:
	case err := <-ended:
		ended <- err
		t.Fatalf("%v: %s", err, r.log)
	}
	return r
}

func (r *rotating) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// rotated exchanges a secret and returns once the gateway has looked.
func (r *rotating) rotated(name, secret string) {
	r.t.Helper()
	r.write(name, secret)
	for range 2 { // the second look begins after the first has ended
		r.look <- time.Now()
	}
}

// ask returns the status of a request with a bearer token.
func (r *rotating) ask(method, address, token string) int {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context()) // a stream of events has no end
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader("{}"))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (r *rotating) logs(text string) {
	r.t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !strings.Contains(r.log.String(), text) {
		select {
		case <-late:
			r.t.Fatalf("the log never says %q: %s", text, r.log)
		case <-tick.C:
		}
	}
}

// TestRotatedSecretsAreTakenWhileTheGatewayRuns: the key of a tenant that Qlik refuses,
// a sender's, a NATS user's and a reader's are exchanged in their files. What waited for
// the tenant is done, and nothing had to be started again.
func TestRotatedSecretsAreTakenWhileTheGatewayRuns(t *testing.T) {
	t.Parallel()
	const next = "the-next-secret-of-the-test"
	tenant := sim.New(sim.Config{APIKey: next, ReloadTime: 20 * time.Millisecond})
	r := rotate(t, tenant)
	hook, events := "http://"+r.at.HTTP+"/hooks/jobs", "http://"+r.at.HTTP+"/v1/events"
	if status := r.ask(http.MethodPost, hook, "the-first-hook-of-the-test"); status != http.StatusAccepted {
		t.Fatalf("a webhook is answered %d", status)
	}
	r.logs("tenant.held")
	if n := len(tenant.State().Reloads); n > 0 {
		t.Fatalf("%d reloads with a key that Qlik refuses", n)
	}

	r.rotated("token", next) // is taken at the next start, and is in nobody's way
	r.rotated("key", next)
	r.logs("tenant.released")
	r.logs("run.succeeded")
	if n := len(tenant.State().Reloads); n != 1 {
		t.Errorf("%d reloads, want 1", n)
	}

	for name, status := range map[string]func(token string) int{
		"hook":   func(token string) int { return r.ask(http.MethodPost, hook, token) },
		"reader": func(token string) int { return r.ask(http.MethodGet, events, token) },
		"user": func(token string) int {
			conn, err := nats.Connect(r.at.NATS, nats.UserInfo("etl", token))
			if err != nil {
				return http.StatusUnauthorized
			}
			conn.Close()
			return http.StatusOK
		},
	} {
		first := "the-first-" + name + "-of-the-test"
		if before := status(first); before == http.StatusUnauthorized {
			t.Errorf("%s: the first secret is answered %d", name, before)
		}
		r.rotated(name, next)
		if was, is := status(first), status(next); was != http.StatusUnauthorized || is == http.StatusUnauthorized {
			t.Errorf("%s: the old secret is answered %d and the new one %d", name, was, is)
		}
	}
	if strings.Contains(r.log.String(), next) || strings.Contains(r.log.String(), "of-the-test") {
		t.Error("the log shows a secret")
	}
}
