package bridge_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// takeOverWithin is what docs/reliability.md promises: a lease's time to live, and the
// time to notice and to read what there is.
const takeOverWithin = 10 * time.Second

// handOverWithin is what a stop may wait for calls under way, and a look at the lease.
const handOverWithin = 15 * time.Second

// TestReplicasTakeOver runs three real gateways on a NATS cluster of three, kills
// the one that works, stops the next one for longer than its lease, takes a server
// of the cluster away, asks one to stop, and upgrades all, one at a time. Nothing is
// lost and nothing started twice.
func TestReplicasTakeOver(t *testing.T) {
	t.Parallel()
	c := newChaos(t, rand.New(rand.NewPCG(1, 2)))
	servers := natsCluster(t)
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.ClientURL())
	}
	c.where = broker.Config{URL: strings.Join(urls, ","), Replicas: 3, JournalBytes: 256 << 20}
	wires := map[*replica]*wire{}
	for range 3 {
		w := newWire(t, urls)
		r := c.add(fmt.Sprintf("url: %q, replicas: 3", w.url()))
		wires[r] = w
		if *replicasOld != "" {
			r.program = *replicasOld
		}
		r.start()
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sender sync.WaitGroup
	sender.Go(func() { c.sendUntil(ctx) })
	watch := c.connect()
	first := c.worker(watch, 0)

	began := time.Now()
	c.byPID(first).kill()
	second := c.worker(watch, first)
	c.asked()
	if took := time.Since(began); took > takeOverWithin {
		t.Errorf("another one worked after %s, want %s", took, takeOverWithin)
	} else {
		t.Logf("the one that worked was killed; another one asked Qlik after %s", took.Round(time.Millisecond))
	}
	if err := syscall.Kill(second, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	third := c.worker(watch, second)
	if err := syscall.Kill(second, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, r := range c.replicas {
		r.restart()
	}
	if *replicasLong {
		cut := c.byPID(third)
		wires[cut].cut()
		third = c.worker(watch, third)
		c.asked()
		wires[cut].mend()
	}
	leader := c.leader(watch)
	servers[leader].Shutdown()
	servers[leader].WaitForShutdown()
	c.asked()
	began = time.Now()
	c.byPID(third).terminate()
	last := c.worker(watch, third)
	if took := time.Since(began); took > handOverWithin {
		t.Errorf("the lease was handed over after %s, want %s", took, handOverWithin)
	} else {
		t.Logf("the one that worked was asked to stop; another one held the lease after %s", took.Round(time.Millisecond))
	}
	c.asked()
	for _, r := range c.replicas {
		if r.process != nil {
			r.terminate()
		}
		r.program = c.binary
		r.start()
		c.asked()
	}
	last = c.worker(watch, last)
	stop()
	sender.Wait()
	c.byPID(last).drain()
	c.judge("three replicas: one killed, one stopped, the journal's leader lost, one asked to stop, all upgraded in turn")
}

var (
	replicasLong = flag.Bool("replicas.long", false, "let TestReplicasTakeOver cut one from the network too")
	replicasOld  = flag.String("replicas.old", "", "the program that TestReplicasTakeOver upgrades from; none = the same one")
)

// leader returns which server leads the journal.
func (c *chaos) leader(b *broker.Broker) int {
	c.t.Helper()
	stream, err := b.JetStream().Stream(c.t.Context(), b.Names().In)
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimPrefix(stream.CachedInfo().Cluster.Leader, "n"))
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestStoreThatDoesNotAnswerLosesNothing holds up the way to the store, as a disk
// that takes seconds for a write does. Senders are told to come back in time; what
// was under way is stored once.
func TestStoreThatDoesNotAnswerLosesNothing(t *testing.T) {
	t.Parallel()
	c := newChaos(t, rand.New(rand.NewPCG(5, 6)))
	server := startNATS(t)
	w := newWire(t, []string{server.ClientURL()})
	c.where = broker.Config{URL: server.ClientURL(), JournalBytes: 256 << 20}
	gateway := c.add(fmt.Sprintf("url: %q", w.url()))
	gateway.start()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sender sync.WaitGroup
	sender.Go(func() { c.sendUntil(ctx) })
	c.asked()
	release := w.hang()
	t.Cleanup(release)
	c.refused()
	release()
	c.asked()
	stop()
	sender.Wait()
	gateway.drain()
	c.judge("a store that did not answer for seconds")
}

// refused sends events until a sender is told to come back, in the five seconds that the
// most impatient one waits.
func (c *chaos) refused() {
	c.t.Helper()
	said := func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.answer
	}
	c.mu.Lock()
	c.answer = "" // of before the store was held up
	c.mu.Unlock()
	for deadline := time.Now().Add(time.Minute); !strings.HasPrefix(said(), "503"); {
		if time.Now().After(deadline) {
			c.t.Fatalf("no sender is told to come back; the last answer was %q", said())
		}
		c.replicas[0].post(`{"specversion":"1.0","id":"held-up","source":"/chaos","type":"none","data":{}}`)
	}
}

// restart starts the gateway unless it runs.
func (r *replica) restart() {
	if r.process == nil {
		r.start()
	}
}

// connect opens the cluster's streams, as soon as they have a leader.
func (c *chaos) connect() *broker.Broker {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		b, err := broker.Open(c.t.Context(), c.where, zerolog.Nop())
		if err == nil {
			c.t.Cleanup(func() { _ = b.Close(context.Background()) })
			return b
		}
		if time.Now().After(deadline) {
			c.t.Fatal(err)
		}
	}
}

// worker waits until a process other than the given one holds the tenant's lease,
// and returns its id.
func (c *chaos) worker(b *broker.Broker, other int) int {
	c.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	for {
		select {
		case <-timeout:
			c.t.Fatal("nobody holds the tenant's lease")
		case <-tick.C:
		}
		if pid := c.holder(b); pid != 0 && pid != other {
			return pid
		}
	}
}

// holder returns the process that holds the tenant's lease now, or 0.
func (c *chaos) holder(b *broker.Broker) int {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	var entry jetstream.KeyValueEntry
	leases, err := b.JetStream().KeyValue(ctx, b.Names().Leases)
	if err == nil {
		entry, err = leases.Get(ctx, "dispatcher.acme")
	}
	if err != nil {
		return 0
	}
	_, id, _ := strings.Cut(string(entry.Value()), "/")
	pid, err := strconv.Atoi(id)
	if err != nil {
		c.t.Errorf("lease holder %q", entry.Value())
	}
	return pid
}

// asked waits until the tenant is asked for another reload.
func (c *chaos) asked() {
	c.t.Helper()
	before := len(c.tenant.State().Reloads)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	for len(c.tenant.State().Reloads) == before {
		select {
		case <-timeout:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("the tenant is not asked for reloads any more; %d events were accepted, the last answer was %s", len(c.accepted), c.answer)
		case <-tick.C:
		}
	}
}

// byPID returns the gateway with a process id.
func (c *chaos) byPID(pid int) *replica {
	c.t.Helper()
	for _, r := range c.replicas {
		if r.process != nil && r.process.Process.Pid == pid {
			return r
		}
	}
	c.t.Fatalf("no gateway has process id %d", pid)
	return nil
}

// startNATS starts one NATS server with JetStream.
func startNATS(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, JetStreamMaxStore: 64 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

// natsCluster starts three NATS servers with JetStream that know each other.
func natsCluster(t *testing.T) []*server.Server {
	t.Helper()
	var routes []*url.URL
	ports := []int{freePort(t), freePort(t), freePort(t)}
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))})
	}
	var servers []*server.Server
	for i, port := range ports {
		options := clusterOptions(fmt.Sprint("n", i), port, t.TempDir())
		options.Port, options.Routes = server.RANDOM_PORT, routes
		s, err := server.NewServer(options)
		if err != nil {
			t.Fatal(err)
		}
		go s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		servers = append(servers, s)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(30 * time.Second) {
			t.Fatal("the cluster is not ready")
		}
	}
	return servers
}

// clusterOptions describe a server of a cluster, but for where clients find it and
// where it finds the others.
func clusterOptions(name string, port int, dir string) *server.Options {
	return &server.Options{
		ServerName: name, Host: "127.0.0.1", NoSigs: true, NoLog: true,
		Cluster:   server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port, NoAdvertise: true},
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxStore: 2 << 30,
		JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: 100_000}, // each tenant's dispatcher reads the journal with one
	}
}
