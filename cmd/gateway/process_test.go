package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestMain lets the test binary be the gateway itself, so that tests can start and
// kill real processes.
func TestMain(m *testing.M) {
	if os.Getenv("GATEWAY_TEST_MAIN") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// patience bounds every wait of these tests.
const patience = 60 * time.Second

// A process is a running gateway command.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	done  chan struct{}
}

// start runs `gateway args...` as a process of its own; lines are of its stdout
// and stderr.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startIn(t, nil, args...)
}

// startIn does it with more in the environment.
func startIn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, lines: make(chan string, 10_000), done: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(append(os.Environ(), "GATEWAY_TEST_MAIN=1", "TEST_HOOK="+testSecret, "TEST_ETL="+testSecret), env...)
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for scanner := bufio.NewScanner(pipe); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
	_ = p.cmd.Wait()
}

// line waits for a line that holds a text.
func (p *process) line(holds string) string {
	p.t.Helper()
	timeout := time.After(patience)
	var seen []string
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, holds) {
				return line
			}
			seen = append(seen, line)
		case <-timeout:
			p.t.Fatalf("no line with %q; seen:\n%s", holds, strings.Join(seen, "\n"))
		}
	}
}

const (
	testSecret = "a-secret-long-enough-for-a-test"
	qlikSecret = "a-secret-as-long-as-qlik-wants-them"
)

// A site is a simulated tenant and a gateway, each a process, on a data directory.
type site struct {
	t       *testing.T
	tenant  string // URL
	config  string // path
	env     []string
	gateway *process
	up      struct{ HTTP, Console, NATS string }
}

func newSite(t *testing.T, rules string, simArgs ...string) *site {
	t.Helper()
	return newSiteOn(t, embeddedBroker, rules, simArgs...)
}

const embeddedBroker = `
  data_dir: "{{data}}"
  listen: "127.0.0.1:0"
  users: [{name: etl, secret: env:TEST_ETL, publish: ["etl.>"], subscribe: ["qlik.events.>"]}]`

// newSiteOn makes a site on a broker of the test's choice.
func newSiteOn(t *testing.T, broker, rules string, simArgs ...string) *site {
	t.Helper()
	s := laidOut(t, broker, rules, simArgs...)
	s.start()
	return s
}

// laidOut makes a site whose gateway was not started yet.
func laidOut(t *testing.T, broker, rules string, simArgs ...string) *site {
	t.Helper()
	s := &site{t: t}
	tenant := start(t, append([]string{"sim", "--json", "--api-key", testSecret, "--seed", "1"}, simArgs...)...)
	var known struct {
		URL     string
		Samples []sim.Sample
	}
	s.decode([]byte(tenant.line(`"url"`)), &known)
	s.tenant = known.URL
	folder := t.TempDir()
	s.config = filepath.Join(folder, "gateway.yaml")
	values := map[string]string{"url": s.tenant, "key": testSecret, "data": filepath.Join(folder, "data"), "rules": rules, "dialect": "openapi"}
	if slices.Contains(simArgs, "cloud") {
		values["dialect"] = "cloud"
	}
	for _, sample := range known.Samples {
		values[sample.Name] = sample.ID
	}
	text := fill(`
http: {addr: "127.0.0.1:0", rate: 100000/1s}
console: {addr: "127.0.0.1:0"}
broker:`+broker+`
tenants:
  acme: {url: "{{url}}", dialect: {{dialect}}, api_key: "{{key}}", foreign_reloads: true, breaker: {failures: 5, over: 30s, open: 1s}}
sources:
  jobs: {verify: bearer, secret: env:TEST_HOOK}
  etl: {nats: {subject: "etl.*.done"}}
  qlik: {preset: qlik-cloud, secret: "`+qlikSecret+`"}
  runs: {verify: bearer, secret: env:TEST_HOOK, allow: {actions: [reload]}}
rules:
`+rules, values)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts the gateway, or starts it again on the same data.
func (s *site) start() {
	s.t.Helper()
	s.gateway = startIn(s.t, s.env, "run", "--config", s.config)
	s.decode([]byte(s.gateway.line(`"gateway is up"`)), &s.up)
}

func (s *site) decode(data []byte, into any) {
	s.t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		s.t.Fatalf("%v in %s", err, data)
	}
}

// hook posts a body to the source jobs and returns the answer.
func (s *site) hook(body string) (status int, answer string) {
	s.t.Helper()
	return s.post("http://"+s.up.HTTP+"/hooks/jobs", body)
}

func (s *site) post(url, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testSecret)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// get decodes what a URL answers.
func (s *site) get(url string, into any) {
	s.t.Helper()
	response, err := http.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	s.decode(data, into)
}

// fault injects a fault into the tenant.
func (s *site) fault(fault string) {
	s.t.Helper()
	if status, answer := s.post(s.tenant+"/_sim/faults", fault); status >= 300 {
		s.t.Fatalf("inject fault: %d %s", status, answer)
	}
}

// calls returns the tenant's calls of an operation.
func (s *site) calls(operation string) []sim.Call {
	s.t.Helper()
	var all, of []sim.Call
	s.get(s.tenant+"/_sim/calls", &all)
	for _, call := range all {
		if call.OperationID == operation {
			of = append(of, call)
		}
	}
	return of
}

// eventually asks again until a thing holds.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			s.t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// listen subscribes to all outcomes as a NATS user.
func (s *site) listen() <-chan heard {
	s.t.Helper()
	conn, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", testSecret))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	outcomes := make(chan heard, 10_000)
	_, err = conn.Subscribe("qlik.events.>", func(msg *nats.Msg) {
		var outcome heard
		if err := json.Unmarshal(msg.Data, &outcome); err != nil {
			outcome.Type = fmt.Sprintf("unreadable: %s", msg.Data)
		}
		outcomes <- outcome
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		s.t.Fatal(err)
	}
	return outcomes
}
