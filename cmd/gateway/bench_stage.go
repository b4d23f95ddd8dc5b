package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A stage is a simulated tenant and a gateway of its own, each a process, on a folder
// that is gone afterwards.
type stage struct {
	folder, config, key string
	tenant              string // its address
	apps                []string
	children            []*exec.Cmd
	gateway             *exec.Cmd
	up                  addresses
}

// newStage starts a tenant with so many apps, and writes a configuration with a rule
// for each, which has the given keys besides; sync says when its broker syncs.
func newStage(ctx context.Context, apps int, sync string, keys ...string) (_ *stage, err error) {
	folder, err := os.MkdirTemp("", "gateway-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	s := &stage{folder: folder, config: filepath.Join(folder, "gateway.yaml"), key: rand.Text()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	var known struct{ URL string }
	if _, err := s.spawn(`"url"`, &known, "sim", "--json", "--seed", "1", "--api-key", s.key); err != nil {
		return nil, err
	}
	s.tenant = known.URL
	client, err := qlik.New(qlik.Config{URL: s.tenant, Dialect: qlik.OpenAPI, APIKey: s.key})
	if err != nil {
		return nil, err
	}
	var rules strings.Builder
	for n := range apps {
		app, err := client.CreateApp(ctx, qlik.AppCreate{Name: fmt.Sprintf("bench %d", n)})
		if err != nil {
			return nil, fmt.Errorf("make app: %w", err)
		}
		s.apps = append(s.apps, app.ID)
		fmt.Fprintf(&rules, "  - {name: app-%d, on: bench, when: 'data.app == \"%d\"', app: \"%s\", do: [reload]%s}\n", n, n, app.ID, strings.Join(append([]string{""}, keys...), ", "))
	}
	text := fmt.Sprintf(`
http: {addr: "127.0.0.1:0", rate: 1000000000/1s}
console: {addr: "127.0.0.1:0"}
broker: {data_dir: "%s", sync: %s}
tenants: {bench: {url: "%s", dialect: openapi, api_key: "%s"}}
sources: {bench: {verify: {hmac: {header: %s, encoding: hex}}, secret: "%s"}}
rules:
%s`, filepath.Join(folder, "data"), sync, s.tenant, s.key, benchHeader, s.key, rules.String())
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return s, s.start()
}

// start starts the gateway, or starts it again on its data.
func (s *stage) start() (err error) {
	s.gateway, err = s.spawn(`"gateway is up"`, &s.up, "run", "--config", s.config)
	return err
}

// spawn runs this program as another process and decodes the line that says it is up.
func (s *stage) spawn(holds string, into any, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	command := exec.Command(program, args...) //nolint:gosec // it is this program
	pipe, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	s.children = append(s.children, command)
	lines := bufio.NewReader(pipe)
	var said []string
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, holds) {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return command, json.Unmarshal([]byte(line), into)
		}
		said = append(said, line)
		if err != nil {
			return nil, fmt.Errorf("start %s: it ended:\n%s", args[0], strings.Join(said, ""))
		}
	}
}

// close ends all that was started, and forgets what it kept.
func (s *stage) close() {
	for _, child := range s.children {
		end(child)
	}
	_ = os.RemoveAll(s.folder)
}

// end ends a process as kill -9 does.
func end(child *exec.Cmd) {
	_ = child.Process.Kill()
	_ = child.Wait()
}

// target is the gateway's front door, for signed deliveries of a body.
func (s *stage) target(body []byte) target {
	return target{
		Name: "gateway", URL: "http://" + s.up.HTTP + "/hooks/bench", Metrics: "http://" + s.up.Console + "/metrics", Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, benchHeader: {signature([]byte(s.key), body)}},
	}
}

// trigger asks for a reload of one of the apps.
func (s *stage) trigger(ctx context.Context, app int) error {
	return post(ctx, http.DefaultClient, s.target(fmt.Appendf(nil, `{"app": "%d", "pad": "%s"}`, app, bytes.Repeat([]byte("x"), 2000))))
}

// reloads returns when the tenant took reloads.
func (s *stage) reloads(ctx context.Context) ([]time.Time, error) {
	var calls []sim.Call
	if err := getJSON(ctx, s.tenant+"/_sim/calls", &calls); err != nil {
		return nil, err
	}
	var times []time.Time
	for _, call := range calls {
		if call.OperationID == "reloadApp" && call.Status < http.StatusBadRequest {
			times = append(times, call.Time)
		}
	}
	return times, nil
}

// getJSON decodes what an address answers.
func getJSON(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	return nil
}

// until asks again until a thing holds.
func until(ctx context.Context, holds func() (bool, error)) error {
	return untilEvery(ctx, 2*time.Millisecond, holds)
}

// untilEvery asks again every so often until a thing holds.
func untilEvery(ctx context.Context, every time.Duration, holds func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if done, err := holds(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("it took too long"), ctx.Err())
		case <-tick.C:
		}
	}
}
