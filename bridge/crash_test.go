package bridge_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/events/broker"
)

// natsOfTest names the environment variable that has the test binary be a NATS server.
const natsOfTest = "BRIDGE_TEST_NATS"

// TestMain lets the test binary be a NATS server, so that tests can kill and stop one
// as a process.
func TestMain(m *testing.M) {
	if as := os.Getenv(natsOfTest); as != "" {
		os.Exit(beNATS(as))
	}
	os.Exit(m.Run())
}

// A natsNode is a server of a cluster that is a process of its own.
type natsNode struct {
	Name          string
	Port, Cluster int
	Routes        []string
	Dir           string

	process *exec.Cmd
}

// beNATS is a NATS server until its input is closed, which it is when the test ends
// in whatever way.
func beNATS(as string) (code int) {
	var node natsNode
	if err := json.Unmarshal([]byte(as), &node); err != nil {
		fmt.Fprintln(os.Stderr, "read what server to be:", err)
		return 1
	}
	options := clusterOptions(node.Name, node.Cluster, node.Dir)
	options.Port = node.Port
	err := options.ProcessConfigString(`
		accounts {SYS: {users: [{user: system, password: system}]}, ALL: {jetstream: enabled, users: [{user: anybody, password: anybody}]}}
		system_account: SYS
		no_auth_user: anybody`)
	if err != nil {
		fmt.Fprintln(os.Stderr, "read what server to be:", err)
		return 1
	}
	for _, route := range node.Routes {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: route})
	}
	s, err := server.NewServer(options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a server:", err)
		return 1
	}
	s.Start()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// newNATSNodes starts a cluster of three processes.
func newNATSNodes(t *testing.T) []*natsNode {
	t.Helper()
	var nodes []*natsNode
	var routes []string
	for i := range 3 {
		node := &natsNode{Name: fmt.Sprint("n", i), Port: freePort(t), Cluster: freePort(t), Dir: t.TempDir()}
		nodes, routes = append(nodes, node), append(routes, net.JoinHostPort("127.0.0.1", strconv.Itoa(node.Cluster)))
	}
	for _, node := range nodes {
		node.Routes = routes
		node.start(t)
		t.Cleanup(node.kill)
	}
	return nodes
}

func (n *natsNode) url() string {
	return "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port))
}

func (n *natsNode) start(t *testing.T) {
	t.Helper()
	as, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	n.process = exec.Command(os.Args[0])
	n.process.Env = append(os.Environ(), natsOfTest+"="+string(as))
	n.process.Stderr = os.Stderr
	if _, err := n.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.process.Start(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the server as kill -9 and a crash do.
func (n *natsNode) kill() {
	if n.process != nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait()
		n.process = nil
	}
}

func (n *natsNode) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := n.process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// A crash is three gateways at work on a cluster of three processes, each connected to
// another one of them.
type crash struct {
	*chaos
	nodes []*natsNode
	wires []*wire
	watch *broker.Broker

	heard map[string]map[string]time.Time // ids of outcomes by the path they came to, and when they came
}

// crashWithin is how long a cluster that lost a server may be without it: up to nine
// seconds for the election of another leader, and the time to live of a lease.
const crashWithin = 25 * time.Second

var clusterKill = flag.Bool("cluster.kill", false, "let TestServerOfAClusterThatHangs kill a server first, and start it again")

// TestServerOfAClusterThatHangs stops the server of a cluster that leads it, with all
// streams, and that the gateway is connected to which works: it closes no connection, and
// never answers. With -cluster.kill one is killed before. All gateways take events again,
// Qlik is asked again and those are told who wait for it, before the server goes on;
// nothing is lost and nothing started twice.
func TestServerOfAClusterThatHangs(t *testing.T) {
	t.Parallel()
	c := newCrash(t, 11)
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	defer senders.Wait()
	defer stop()
	for _, r := range c.replicas {
		senders.Go(func() { c.sendTo(ctx, 600*time.Millisecond, r) })
	}
	c.works(time.Now())
	for _, w := range c.wires {
		w.only("")
	}
	if *clusterKill {
		victim := c.nodeOfTheWorker()
		c.lead(victim)
		c.measure("killed", victim.kill)
		victim.start(t)
	}
	victim := c.nodeOfTheWorker()
	c.lead(victim)
	c.measure("stopped", func() { victim.signal(t, syscall.SIGSTOP) })
	victim.signal(t, syscall.SIGCONT)
	c.works(time.Now())
	stop()
	senders.Wait()
	c.byPID(c.worker(c.watch, 0)).drain()
	c.judge("the server that led the cluster stopped")
	c.judgeTold()
}

func newCrash(t *testing.T, seed uint64) *crash {
	t.Helper()
	c := &crash{chaos: newChaos(t, rand.New(rand.NewPCG(seed, seed))), nodes: newNATSNodes(t), heard: map[string]map[string]time.Time{}}
	var urls []string
	for _, node := range c.nodes {
		urls = append(urls, node.url())
	}
	c.where = broker.Config{URL: strings.Join(urls, ","), Replicas: 3, JournalBytes: 256 << 20}
	listener := httptest.NewServer(http.HandlerFunc(c.hear))
	t.Cleanup(listener.Close)
	c.listener = listener.URL
	c.watch = c.connect()
	for _, url := range urls {
		w := newWire(t, urls)
		w.only(url) // a client picks any
		c.wires = append(c.wires, w)
		c.add(fmt.Sprintf("url: %q, replicas: 3", w.url())).start()
	}
	return c
}

// hear is where outcomes are told.
func (c *crash) hear(_ http.ResponseWriter, r *http.Request) {
	var outcome chaosOutcome
	if err := json.NewDecoder(r.Body).Decode(&outcome); err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.heard[r.URL.Path] == nil {
		c.heard[r.URL.Path] = map[string]time.Time{}
	}
	if _, repeated := c.heard[r.URL.Path][outcome.ID]; !repeated {
		c.heard[r.URL.Path][outcome.ID] = time.Now()
	}
}

// toldSince says whether an outcome was told on a path after a time for the first time.
func (c *crash) toldSince(path string, since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.heard[path] {
		if at.After(since) {
			return true
		}
	}
	return false
}

// until waits until something is so.
func (c *crash) until(what string, every time.Duration, is func() bool) {
	c.t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	timeout := time.After(time.Minute)
	for !is() {
		select {
		case <-timeout:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("for a minute it was not so that %s; the last answer was %s", what, c.answer)
		case <-tick.C:
		}
	}
}

// works waits until every gateway takes what was sent after a time, and then until Qlik
// is asked and the end of a run is told. It returns how long all took.
func (c *crash) works(since time.Time) (taken, asked, told time.Duration) {
	c.t.Helper()
	for i, r := range c.replicas {
		c.until(fmt.Sprintf("gateway %d takes events", i), 20*time.Millisecond, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.taken.After(since)
		})
	}
	taken = time.Since(since)
	c.asked()
	asked = time.Since(since)
	after := time.Now()
	for _, path := range []string{"/told", "/callback"} {
		c.until("those are told who wait at "+path, 20*time.Millisecond, func() bool { return c.toldSince(path, after) })
	}
	return taken, asked, time.Since(since)
}

// measure loses a server and says how long the gateways were without it.
func (c *crash) measure(how string, lose func()) {
	c.t.Helper()
	began := time.Now()
	lose()
	taken, asked, told := c.works(began)
	c.t.Logf("the server that led was %s: all gateways answered 202 after %s, another reload was asked for after %s, and told after %s",
		how, taken.Round(time.Millisecond), asked.Round(time.Millisecond), told.Round(time.Millisecond))
	if told > crashWithin {
		c.t.Errorf("that took %s, want %s", told, crashWithin)
	}
}

// nodeOfTheWorker returns the server that the gateway was connected to first which works.
func (c *crash) nodeOfTheWorker() *natsNode {
	c.t.Helper()
	return c.nodes[slices.Index(c.replicas, c.byPID(c.worker(c.watch, 0)))]
}

// lead has one server lead every stream, and the cluster.
func (c *crash) lead(node *natsNode) {
	c.t.Helper()
	system, err := nats.Connect(node.url(), nats.UserInfo("system", "system"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		c.t.Fatal(err)
	}
	defer system.Close()
	wish := fmt.Appendf(nil, `{"placement":{"preferred":%q}}`, node.Name)
	wishFor := func(conn *nats.Conn, subject string) {
		if _, err := conn.Request(subject, wish, 5*time.Second); err != nil {
			c.t.Logf("%s: %v", subject, err)
		}
	}
	c.until(node.Name+" leads every stream", time.Second, func() bool {
		streams := c.watch.JetStream().ListStreams(c.t.Context())
		led, all := 0, 0
		for stream := range streams.Info() {
			if all++; stream.Cluster.Leader == node.Name {
				led++
				continue
			}
			wishFor(c.watch.Conn(), "$JS.API.STREAM.LEADER.STEPDOWN."+stream.Config.Name)
		}
		return streams.Err() == nil && led > 0 && led == all
	})
	c.until(node.Name+" leads the cluster", time.Second, func() bool {
		var says struct {
			Data struct {
				Meta struct{ Leader string } `json:"meta_cluster"`
			}
		}
		answer, err := system.Request("$SYS.REQ.SERVER."+system.ConnectedServerId()+".JSZ", nil, 5*time.Second)
		if err != nil || json.Unmarshal(answer.Data, &says) != nil {
			return false
		}
		if says.Data.Meta.Leader == node.Name {
			return true
		}
		wishFor(system, "$JS.API.META.LEADER.STEPDOWN") // one that leads refuses, and an answer may be lost: it is looked at again
		return false
	})
	c.works(time.Now())
}

// judgeTold: the subscription and the callbacks get every end of a run.
func (c *crash) judgeTold() {
	outcomes, _ := c.records()
	for _, path := range []string{"/told", "/callback"} {
		for _, outcome := range outcomes {
			if noun := outcome.noun(); strings.HasPrefix(noun, "run.") && noun != "run.held" {
				c.until(fmt.Sprintf("%s was told at %s", outcome.ID, path), 100*time.Millisecond, func() bool {
					c.mu.Lock()
					defer c.mu.Unlock()
					return !c.heard[path][outcome.ID].IsZero()
				})
			}
		}
	}
}
