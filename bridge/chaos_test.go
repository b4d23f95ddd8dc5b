package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

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
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var background sync.WaitGroup
	background.Go(func() { c.misbehave(ctx) })
	background.Go(func() { c.sendUntil(ctx) })
	for range *chaosKills {
		c.start()
		c.pass(200*time.Millisecond, 2500*time.Millisecond)
		c.kill()
	}
	stop()
	background.Wait()
	c.tenant.ClearFaults()
	c.start()
	c.drain()
	c.kill()
	c.judge()
}

// A chaos is a gateway under attack.
type chaos struct {
	t             *testing.T
	random        *rand.Rand
	tenant        *sim.Tenant
	folder        string
	binary        string
	apps          []string
	port, console int

	process  *exec.Cmd
	up       time.Time
	longest  time.Duration // from a start to the first 202
	mu       sync.Mutex
	accepted map[string]string // event id -> rule
	sent     int
}

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
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, listener, c.tenant) }()
	t.Cleanup(func() { cancel(); <-served; c.kill() })
	c.port, c.console = freePort(t), freePort(t)
	c.configure("http://" + listener.Addr().String())
	return c
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func (c *chaos) configure(tenant string) {
	text := fmt.Sprintf(`
http: {addr: "127.0.0.1:%d"}
console: {addr: "127.0.0.1:%d"}
broker: {data_dir: "%s/data"}
tenants:
  acme: {url: "%s", dialect: cloud, api_key: "%s", quota: {reload: %d/1m, write: 600/1m, read: 6000/1m}, breaker: {failures: 4, over: 5s, open: 500ms}}
sources:
  events: {verify: bearer, secret: "%s"}
rules:
  - {name: at-once, on: events, when: 'type == "at-once"', do: [{reload: {app: "${data.app}"}}]}
  - {name: every, on: events, when: 'type == "every"', gather: none, do: [{reload: {app: "${data.app}"}}]}
  - {name: quiet, on: events, when: 'type == "quiet"', gather: {quiet: 500ms, max: 2s}, do: [{reload: {app: "${data.app}"}}]}
  - {name: pipeline, on: events, when: 'type == "pipeline"', do: [{reload: {app: "${data.app}"}}, {publish: {app: "${data.app}", space: "%s"}}]}
`, c.port, c.console, c.folder, tenant, chaosSecret, chaosQuota, chaosSecret, c.tenant.Space("Company"))
	if err := os.WriteFile(filepath.Join(c.folder, "gateway.yaml"), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chaos) start() {
	c.process = exec.Command(c.binary, "run", "--config", filepath.Join(c.folder, "gateway.yaml"), "--log-level", "error")
	c.process.Stderr = os.Stderr
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.up = time.Now()
	c.mu.Unlock()
}

func (c *chaos) kill() {
	if c.process != nil {
		_ = c.process.Process.Kill()
		_ = c.process.Wait()
		c.process = nil
	}
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
func (c *chaos) sendUntil(ctx context.Context) {
	random := rand.New(rand.NewPCG(9, 9))
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		rule := []string{"at-once", "every", "quiet", "pipeline"}[random.IntN(4)]
		if rule == "every" && random.IntN(4) > 0 {
			rule = "at-once"
		}
		c.sent++
		id := fmt.Sprint("event-", c.sent)
		body := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/chaos","type":%q,"data":{"app":%q}}`, id, rule, c.apps[random.IntN(len(c.apps))])
		for !c.post(body) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		c.mu.Lock()
		c.accepted[id] = rule
		if !c.up.IsZero() {
			c.longest = max(c.longest, time.Since(c.up))
			c.up = time.Time{}
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c *chaos) post(body string) bool {
	request, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/events", c.port), bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Error(err)
		return false
	}
	request.Header.Set("Content-Type", "application/cloudevents+json")
	request.Header.Set("Authorization", "Bearer "+chaosSecret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode == http.StatusAccepted
}

// drain waits until the gateway says that no run is open any more.
func (c *chaos) drain() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(4 * time.Minute)
	for quiet := 0; quiet < 4; quiet++ {
		for _, state := range []string{"gathering", "ready", "running", "held"} {
			select {
			case <-tick.C:
			case <-timeout:
				c.t.Fatalf("%s runs do not end: %s", state, c.open(state))
			}
			if c.open(state) != `{"data":[]}` {
				quiet = 0
			}
		}
	}
}

// open asks the console for the runs in a state.
func (c *chaos) open(state string) string {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/runs?limit=5&state=%s", c.console, state))
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

// outcomes reads the whole stream of outcomes from the killed gateway's data.
func (c *chaos) outcomes() []chaosOutcome {
	b, err := broker.Open(c.t.Context(), broker.Config{DataDir: filepath.Join(c.folder, "data")}, zerolog.Nop())
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = b.Close(context.Background()) }()
	consumer, err := b.JetStream().OrderedConsumer(c.t.Context(), b.Names().Out, jetstream.OrderedConsumerConfig{})
	if err != nil {
		c.t.Fatal(err)
	}
	info, err := consumer.Info(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	var all []chaosOutcome
	for range info.NumPending {
		msg, err := consumer.Next()
		if err != nil {
			c.t.Fatal(err)
		}
		var outcome chaosOutcome
		if err := json.Unmarshal(msg.Data(), &outcome); err != nil {
			c.t.Fatal(err)
		}
		if strings.Contains(string(msg.Data()), chaosSecret) {
			c.t.Errorf("I10: the outcome %s holds a secret", outcome.ID)
		}
		all = append(all, outcome)
	}
	return all
}
