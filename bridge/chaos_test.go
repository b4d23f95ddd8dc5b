package bridge_test

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

var (
	chaosKills = flag.Int("chaos.kills", 3, "how often TestChaos kills the gateway")
	chaosSeed  = flag.Uint64("chaos.seed", 0, "seed of TestChaos; 0 picks one")
)

const chaosSecret = "a-secret-of-the-chaos-runner"

// chaosQuota is how many reload calls a minute the gateway is told to keep to.
const chaosQuota = 300

// TestChaos kills the real gateway with -9 at random moments while a sender sends
// until it is answered and a simulated tenant misbehaves. What came of it is judged
// from the tenant's own log and from the stream of outcomes.
//
//	go test ./bridge -run Chaos -chaos.kills=500 -timeout 2h
func TestChaos(t *testing.T) {
	t.Parallel()
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -chaos.seed=%d", seed)
	c := newChaos(t, rand.New(rand.NewPCG(seed, seed)))
	gateway := c.embedded()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { c.misbehave(ctx) })
	background.Go(func() { c.sendUntil(ctx) })
	for range *chaosKills {
		gateway.start()
		c.pass(200*time.Millisecond, 2500*time.Millisecond)
		gateway.kill()
	}
	stop()
	background.Wait()
	c.tenant.ClearFaults()
	gateway.start()
	gateway.drain()
	gateway.kill()
	c.judge(fmt.Sprintf("kills %d", *chaosKills))
}

// stopLimit is how long a gateway may take to stop: requests and calls under way
// have ten seconds each.
const stopLimit = 25 * time.Second

// TestTerminationUnderLoadLosesNothing stops the gateway in the ordinary way, again
// and again, while senders send.
func TestTerminationUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	c := newChaos(t, rand.New(rand.NewPCG(3, 4)))
	gateway := c.embedded()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sender sync.WaitGroup
	sender.Go(func() { c.sendUntil(ctx) })
	for range 3 {
		gateway.start()
		c.pass(time.Second, 2*time.Second)
		if took := gateway.terminate(); took > stopLimit {
			t.Errorf("the gateway took %s to stop, want %s", took, stopLimit)
		}
	}
	stop()
	sender.Wait()
	gateway.start()
	gateway.drain()
	gateway.terminate()
	c.judge("stops 3")
}

// A chaos is one gateway or several under attack.
type chaos struct {
	t        *testing.T
	random   *rand.Rand
	tenant   *sim.Tenant
	url      string // of the tenant
	listener string // where those are who wait for outcomes; "" = nobody does
	folder   string
	binary   string
	apps     []string
	where    broker.Config // where the outcomes can be read once it is over
	replicas []*replica

	gap struct{ from, to time.Time } // between a backup and its return: what was begun then may be forgotten

	longest  time.Duration // from a start to the first 202
	mu       sync.Mutex
	accepted map[string]string // event id -> rule
	answer   string            // the last one that refused an event
	sent     int

	door sync.RWMutex // what stands before the gateways: who locks it has closed it, and none is on its way in
}

// A replica is one gateway process with its own listeners.
type replica struct {
	c             *chaos
	config        string
	program       string
	port, console int

	process *exec.Cmd
	mu      sync.Mutex
	up      time.Time // when it was started, until it takes its first event
	taken   time.Time // when the newest event was sent that it took
}

// newChaos makes a chaos with a simulated tenant and one gateway on a data
// directory of its own.
func newChaos(t *testing.T, random *rand.Rand) *chaos {
	t.Helper()
	c := &chaos{t: t, random: random, folder: t.TempDir(), accepted: map[string]string{}}
	c.binary = filepath.Join(c.folder, "gateway")
	if out, err := exec.Command("go", "build", "-o", c.binary, "../cmd/gateway").CombinedOutput(); err != nil {
		t.Fatalf("build the gateway: %v\n%s", err, out)
	}
	c.tenant = sim.New(sim.Config{Dialect: qlik.Cloud, ReloadTime: 300 * time.Millisecond, Spread: 0.5, APIKey: chaosSecret, Seed: 1, Quota: sim.Unlimited()})
	for i := range 6 {
		c.apps = append(c.apps, c.tenant.AddApp(fmt.Sprint("app ", i), c.tenant.Space("Workshop")))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, listener, c.tenant) }()
	t.Cleanup(func() {
		for _, r := range c.replicas {
			r.kill()
		}
		cancel()
		<-served
	})
	return c
}

// embedded adds the one gateway of a chaos with an embedded broker.
func (c *chaos) embedded() *replica {
	c.where = broker.Config{DataDir: filepath.Join(c.folder, "data")}
	return c.add(fmt.Sprintf("data_dir: %q", c.where.DataDir))
}

// freePort returns a port that nobody listens on. It is not one of those that the
// system gives to who asks for any, so that nobody gets it before it is used.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
}

// add configures one more gateway on a broker.
func (c *chaos) add(store string) *replica {
	r := &replica{c: c, program: c.binary, port: freePort(c.t), console: freePort(c.t)}
	r.config = filepath.Join(c.folder, fmt.Sprintf("gateway-%d.yaml", len(c.replicas)))
	var callback, subscription string
	if c.listener != "" {
		callback = ", callback: {hosts: [127.0.0.1], allow: [127.0.0.1]}"
		subscription = fmt.Sprintf("subscriptions: [{name: told, url: %q, validate: false, secret: env:CHAOS_SIGNS, allow: [127.0.0.1]}]\n", c.listener+"/told")
	}
	text := fmt.Sprintf(`
http: {addr: "127.0.0.1:%d"}
console: {addr: "127.0.0.1:%d"}
broker: {%s}
tenants:
  acme: {url: "%s", dialect: cloud, api_key: env:CHAOS_SECRET, quota: {reload: %d/1m, write: 600/1m, read: 6000/1m}, breaker: {failures: 4, over: 5s, open: 500ms}}
sources:
  events: {verify: bearer, secret: env:CHAOS_SECRET%s}
rules:
  - {name: at-once, on: events, when: 'type == "at-once"', do: [{reload: {app: "${data.app}"}}]}
  - {name: every, on: events, when: 'type == "every"', gather: none, do: [{reload: {app: "${data.app}"}}]}
  - {name: quiet, on: events, when: 'type == "quiet"', gather: {quiet: 500ms, max: 2s}, do: [{reload: {app: "${data.app}"}}]}
  - {name: pipeline, on: events, when: 'type == "pipeline"', do: [{reload: {app: "${data.app}"}}, {publish: {app: "${data.app}", space: "%s"}}]}
%s`, r.port, r.console, store, c.url, chaosQuota, callback, c.tenant.Space("Company"), subscription)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.replicas = append(c.replicas, r)
	return r
}

func (r *replica) start() {
	r.process = exec.Command(r.program, "run", "--config", r.config, "--log-level", "error")
	r.process.Env = append(os.Environ(), "CHAOS_SECRET="+chaosSecret, "CHAOS_SIGNS=whsec_"+base64.StdEncoding.EncodeToString([]byte(chaosSecret)))
	r.process.Stderr = os.Stderr
	if err := r.process.Start(); err != nil {
		r.c.t.Fatal(err)
	}
	r.mu.Lock()
	r.up = time.Now()
	r.mu.Unlock()
}

// kill ends the gateway as kill -9 does.
func (r *replica) kill() {
	if r.process != nil {
		_ = r.process.Process.Kill()
		_ = r.process.Wait()
		r.process = nil
	}
}

// terminate asks the gateway to stop, as an orchestrator does, and returns how long
// that took.
func (r *replica) terminate() time.Duration {
	began := time.Now()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		r.c.t.Fatal(err)
	}
	if err := r.process.Wait(); err != nil {
		r.c.t.Errorf("a gateway that was asked to stop: %v", err)
	}
	r.process = nil
	return time.Since(began)
}

// pass lets a random time go by: the moments to kill at are the point of the test.
func (c *chaos) pass(least, most time.Duration) {
	timer := time.NewTimer(least + time.Duration(c.random.Int64N(int64(most-least))))
	defer timer.Stop()
	<-timer.C
}

// misbehave injects faults into the tenant until ctx ends.
func (c *chaos) misbehave(ctx context.Context) {
	random := rand.New(rand.NewPCG(7, 7))
	faults := []sim.Fault{
		{Operation: "reloadApp", Drop: sim.DropAfter}, {Operation: "reloadApp", Drop: sim.DropBefore},
		{Operation: "reloadApp", Status: 503}, {Operation: "publishApp", Drop: sim.DropAfter},
		{Operation: "republishApp", Status: 500}, {Operation: "getReload", Status: 502}, {Operation: "listReloads", Drop: sim.DropBefore},
		{Operation: "reloadApp", Status: 429, Code: "HTTP-429", RetryAfter: sim.Duration(time.Second)},
		{Operation: "reloadApp", Delay: sim.Duration(400 * time.Millisecond)}, {FailReload: "EngineConnectionError"},
		{Operation: sim.AnyOperation, Status: 503},
	}
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fault := faults[random.IntN(len(faults))]
			fault.Count = 1 + random.IntN(3)
			if err := c.tenant.Inject(fault); err != nil {
				c.t.Error(err)
			}
		}
	}
}

// sendUntil sends events until ctx ends, each until it is answered 202.
func (c *chaos) sendUntil(ctx context.Context) { c.sendTo(ctx, 25*time.Millisecond, c.replicas...) }

// sendTo does so to some of the gateways, no faster than one in a time.
func (c *chaos) sendTo(ctx context.Context, pace time.Duration, replicas ...*replica) {
	random := rand.New(rand.NewPCG(9, 9))
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		rule := []string{"at-once", "every", "quiet", "pipeline"}[random.IntN(4)]
		if rule == "every" && random.IntN(4) > 0 {
			rule = "at-once"
		}
		c.mu.Lock()
		c.sent++
		id := fmt.Sprint("event-", c.sent)
		c.mu.Unlock()
		body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/chaos","type":%q,"data":{"app":%q,"callback":%q}}`, id, rule, c.apps[random.IntN(len(c.apps))], c.listener+"/callback")
		for !replicas[random.IntN(len(replicas))].post(body) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		c.mu.Lock()
		c.accepted[id] = rule
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// post sends an event to the gateway and says whether it was answered 202.
func (r *replica) post(body string) bool {
	if !r.c.door.TryRLock() {
		return false
	}
	defer r.c.door.RUnlock()
	began := time.Now()
	request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/events", r.port), strings.NewReader(body))
	if err != nil {
		r.c.t.Error(err)
		return false
	}
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set("Authorization", "Bearer "+chaosSecret)
	client := http.Client{Timeout: 5 * time.Second} // a stopped process must not stop the sender
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusAccepted {
		said, err := io.ReadAll(response.Body)
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		r.c.answer = fmt.Sprintf("%s: %s %v", response.Status, said, err)
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = began
	if !r.up.IsZero() {
		r.c.mu.Lock()
		r.c.longest = max(r.c.longest, time.Since(r.up))
		r.c.mu.Unlock()
		r.up = time.Time{}
	}
	return true
}

// drain waits until the gateway says that no run is open any more. How long that
// takes depends on what waits; that no new reload starts for minutes is a failure.
func (r *replica) drain() {
	const stalled = 4 * time.Minute
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(stalled)
	defer timeout.Stop()
	reloads := 0
	for quiet := 0; quiet < 4; quiet++ {
		for _, state := range []string{"gathering", "ready", "running", "held"} {
			select {
			case <-tick.C:
			case <-timeout.C:
				r.c.t.Fatalf("%s runs do not end: %s", state, r.open(state))
			}
			if r.open(state) != `{"data":[]}` {
				quiet = 0
			}
			if now := len(r.c.tenant.State().Reloads); now > reloads {
				reloads = now
				timeout.Reset(stalled)
			}
		}
	}
}

// open asks the console for the runs in a state.
func (r *replica) open(state string) string {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/runs?limit=5&state=%s", r.console, state))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
