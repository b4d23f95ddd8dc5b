package bridge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events/broker"
)

var (
	scaleReplicas    = flag.Int("scale.replicas", 1, "gateways of TestScale")
	scaleTenants     = flag.Int("scale.tenants", 2, "tenants of TestScale")
	scaleRules       = flag.Int("scale.rules", 10, "rules of TestScale, all of one source, dealt out to the tenants")
	scaleSubscribers = flag.Int("scale.subscribers", 1, "HTTP subscriptions of TestScale")
	scaleRuns        = flag.Int("scale.runs", 20, "runs of TestScale, each of one event and with one outcome besides its end")
	scaleSenders     = flag.Int("scale.senders", 8, "connections of TestScale")
	scaleStreams     = flag.Int("scale.streams", 2, "streams of TestPartitions")
	scaleLasts       = flag.Duration("scale.lasts", 300*time.Millisecond, "how long the senders of TestScale send as much as they can")
)

// TestScale measures real gateways on a NATS cluster of three that keeps three copies:
// what docs/scale.md tells. Nothing of it may be lost or doubled however small it is.
//
//	go test ./bridge -run Scale -v -scale.replicas=3 -scale.tenants=100 -scale.rules=1000 -scale.lasts=5s
func TestScale(t *testing.T) {
	t.Parallel()
	s := newScale(t)
	began := time.Now()
	for _, r := range s.replicas {
		r.start()
	}
	s.ready()
	up := time.Since(began)
	t.Logf("replicas %d, tenants %d, rules %d, subscribers %d: all tenants have a dispatcher after %.1f s", *scaleReplicas,
		*scaleTenants, *scaleRules, *scaleSubscribers, up.Seconds())
	idle := s.used(func() { s.pass(*scaleLasts, *scaleLasts+1) })
	t.Logf("  idle: gateways %.2f cores, NATS %.2f cores", idle.gateways/idle.took, idle.rest/idle.took)
	var accepted int
	var latencies []time.Duration
	busy := s.used(func() { accepted, latencies = s.flood() })
	if accepted == 0 {
		t.Fatalf("nothing was accepted: %s", s.answer)
	}
	slices.Sort(latencies)
	t.Logf("  intake: %.0f/s of 2 KiB over %d connections, p50 %s, p99 %s; CPU s for 10,000: gateways %.2f, NATS and senders %.2f",
		float64(accepted)/busy.took, *scaleSenders, latencies[len(latencies)/2].Round(100*time.Microsecond),
		latencies[len(latencies)*99/100].Round(100*time.Microsecond), busy.gateways/float64(accepted)*1e4, busy.rest/float64(accepted)*1e4)
	work := s.used(s.runs)
	t.Logf("  runs: %d ended in %.2f s, %.0f/s; %d deliveries, %.0f/s; CPU s for 10,000 runs: gateways %.2f, NATS %.2f; resident %s MB",
		*scaleRuns, work.took, float64(*scaleRuns)/work.took, s.told.Load(), float64(s.told.Load())/work.took,
		work.gateways/float64(*scaleRuns)*1e4, work.rest/float64(*scaleRuns)*1e4, s.memory())
}

// A scale is a chaos of another configuration, with subscribers.
type scale struct {
	*chaos
	watch *broker.Broker
	told  atomic.Int64
}

func newScale(t *testing.T) *scale {
	t.Helper()
	s := &scale{chaos: newChaos(t, rand.New(rand.NewPCG(1, 1)))}
	var urls []string
	for _, server := range natsCluster(t) {
		urls = append(urls, server.ClientURL())
	}
	s.where = broker.Config{URL: strings.Join(urls, ","), Replicas: 3, JournalBytes: 256 << 20}
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.told.Add(1) }))
	t.Cleanup(receiver.Close)
	for i := range *scaleReplicas {
		r := &replica{c: s.chaos, program: s.binary, port: freePort(t), console: freePort(t)}
		r.config = filepath.Join(s.folder, fmt.Sprintf("scale-%d.yaml", i))
		if err := os.WriteFile(r.config, []byte(s.configuration(r, receiver.URL)), 0o600); err != nil {
			t.Fatal(err)
		}
		s.replicas = append(s.replicas, r)
	}
	return s
}

// configuration has so many rules that gather for an hour, and one for each tenant that
// makes a run of every event.
func (s *scale) configuration(r *replica, receiver string) string {
	var text strings.Builder
	fmt.Fprintf(&text, `
http: {addr: "127.0.0.1:%d", rate: 1000000/1s}
console: {addr: "127.0.0.1:%d"}
broker: {url: %q, replicas: 3, journal_bytes: %d}
sources: {load: {verify: {hmac: {header: X-Signature, encoding: hex}}, secret: env:CHAOS_SECRET}}
tenants:
`, r.port, r.console, s.where.URL, s.where.JournalBytes)
	for n := range *scaleTenants {
		fmt.Fprintf(&text, "  t%d: {url: %q, dialect: cloud, api_key: env:CHAOS_SECRET}\n", n, s.url)
	}
	text.WriteString("rules:\n")
	for n := range *scaleRules {
		fmt.Fprintf(&text, "  - {name: gathers-%d, tenant: t%d, on: load, when: 'data.kind == %d', gather: {quiet: 1h, max: 1h}, do: [{emit: {type: com.example.done}}]}\n",
			n, n%*scaleTenants, n)
	}
	for n := range *scaleTenants {
		fmt.Fprintf(&text, "  - {name: runs-%d, tenant: t%d, on: load, when: 'data.kind == \"run\" && data.tenant == %d', gather: none, do: [{emit: {type: com.example.done}}]}\n",
			n, n, n)
	}
	text.WriteString("subscriptions:\n")
	for n := range *scaleSubscribers {
		fmt.Fprintf(&text, "  - {name: s%d, url: \"%s/s%d\", secret: env:CHAOS_SECRET, validate: false, allow: [127.0.0.1], when: 'type.startsWith(\"io.qlikgateway.v1.run\")'}\n", n, receiver, n)
	}
	return text.String()
}

// ready waits until every gateway takes events and every tenant has a dispatcher.
func (s *scale) ready() {
	s.watch = s.connect()
	for _, r := range s.replicas {
		s.until("a gateway is ready", func() bool {
			response, err := http.Get(r.address() + "/readyz")
			if err != nil {
				return false
			}
			_ = response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
	}
	s.until("every tenant has a dispatcher", func() bool { return s.messagesOf("KV_"+s.watch.Names().Leases, "") >= *scaleTenants })
}

// messagesOf returns how many messages of a subject a stream holds.
func (s *scale) messagesOf(stream, subject string) (n int) {
	held, err := s.watch.JetStream().Stream(s.t.Context(), stream)
	if err != nil {
		return 0
	}
	info, err := held.Info(s.t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0
	}
	if subject == "" {
		return int(info.State.Msgs)
	}
	for _, count := range info.State.Subjects {
		n += int(count)
	}
	return n
}

func (s *scale) until(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(3 * time.Minute); !holds(); {
		select {
		case <-tick.C:
		case <-timeout:
			s.t.Fatalf("it took too long until %s", what)
		}
	}
}

// A usage is processor time in seconds.
type usage struct{ took, gateways, rest float64 }

// used measures what something takes, of the gateways and of this process, which is
// the NATS servers, the tenant, the senders and the subscribers.
func (s *scale) used(do func()) usage {
	now := func() (u usage) {
		var self syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
			s.t.Fatal(err)
		}
		u.rest = float64(self.Utime.Nano()+self.Stime.Nano()) / 1e9
		for _, r := range s.replicas {
			u.gateways += s.metric(r, "process_cpu_seconds_total")
		}
		return u
	}
	before, began := now(), time.Now()
	do()
	after := now()
	return usage{time.Since(began).Seconds(), after.gateways - before.gateways, after.rest - before.rest}
}

func (s *scale) metric(r *replica, name string) float64 {
	s.t.Helper()
	response, err := http.Get(r.address() + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return value
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}

func (s *scale) memory() string {
	var all []string
	for _, r := range s.replicas {
		all = append(all, strconv.Itoa(int(s.metric(r, "process_resident_memory_bytes"))>>20))
	}
	return strings.Join(all, ", ")
}

// client keeps so many connections.
func (s *scale) client() *http.Client {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: *scaleSenders}}
}

// send puts one delivery on a gateway and says whether it was accepted.
func (s *scale) send(client *http.Client, r *replica, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(chaosSecret))
	mac.Write(body)
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/hooks/load", r.port), bytes.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	said, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusAccepted {
		s.mu.Lock()
		s.answer = fmt.Sprintf("%s: %s", response.Status, said)
		s.mu.Unlock()
	}
	return response.StatusCode == http.StatusAccepted
}

// flood sends as much as is taken, each event to one rule, in turns.
func (s *scale) flood() (accepted int, latencies []time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), *scaleLasts)
	defer cancel()
	pad := strings.Repeat("x", 2000)
	client := s.client()
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var senders sync.WaitGroup
	each := make([][]time.Duration, *scaleSenders)
	for i := range each {
		senders.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1))
				began := time.Now()
				if s.send(client, s.replicas[i%len(s.replicas)], fmt.Appendf(nil, `{"kind":%d,"pad":"%s"}`, n%*scaleRules, pad)) {
					each[i] = append(each[i], time.Since(began))
				}
			}
		})
	}
	senders.Wait()
	latencies = slices.Concat(each...)
	return len(latencies), latencies
}

// runs has runs begun for the tenants in turns and waits until all have ended, each
// once, and every subscriber has heard of it.
func (s *scale) runs() {
	client := s.client()
	defer client.CloseIdleConnections()
	var senders sync.WaitGroup
	var next atomic.Int64
	for i := range *scaleSenders {
		senders.Go(func() {
			for n := int(next.Add(1)); n <= *scaleRuns; n = int(next.Add(1)) {
				if !s.send(client, s.replicas[i%len(s.replicas)], fmt.Appendf(nil, `{"kind":"run","tenant":%d}`, n%*scaleTenants)) {
					s.t.Errorf("an event was refused: %s", s.answer)
				}
			}
		})
	}
	senders.Wait()
	subject := s.watch.Names().EventSubject + ".*.run.succeeded.>"
	s.until("every run has ended", func() bool { return s.messagesOf(s.watch.Names().Out, subject) >= *scaleRuns })
	s.until("every subscriber has heard", func() bool { return int(s.told.Load()) >= *scaleRuns**scaleSubscribers })
	if ended := s.messagesOf(s.watch.Names().Out, subject); ended != *scaleRuns {
		s.t.Errorf("%d runs ended, want %d", ended, *scaleRuns)
	}
}

// TestPartitions measures what one stream of three copies takes, and what several take
// together, each message acknowledged once it is on the disks: the floor under a journal
// that is split up. Nothing may be lost.
func TestPartitions(t *testing.T) {
	t.Parallel()
	server := natsCluster(t)[0]
	conn, err := nats.Connect(server.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	var streams []jetstream.Stream
	for i := range *scaleStreams {
		var stream jetstream.Stream
		for deadline := time.Now().Add(time.Minute); stream == nil; {
			stream, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: fmt.Sprint("P", i), Replicas: 3, MaxBytes: 64 << 20})
			if err != nil && time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		streams = append(streams, stream)
	}
	ctx, cancel := context.WithTimeout(t.Context(), *scaleLasts)
	defer cancel()
	var acknowledged atomic.Int64
	var publishers sync.WaitGroup
	body := bytes.Repeat([]byte("x"), 2048)
	began := time.Now()
	for i := range *scaleSenders {
		publishers.Go(func() {
			for ctx.Err() == nil {
				if _, err := js.Publish(t.Context(), fmt.Sprint("P", i%*scaleStreams), body); err != nil {
					t.Error(err)
				}
				acknowledged.Add(1)
			}
		})
	}
	publishers.Wait()
	took, held := time.Since(began), 0
	for _, stream := range streams {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held += int(info.State.Msgs)
	}
	if held != int(acknowledged.Load()) {
		t.Errorf("%d were acknowledged, and %d are there", acknowledged.Load(), held)
	}
	t.Logf("%d streams of three copies, %d publishers: %.0f messages of 2 KiB a second", *scaleStreams, *scaleSenders, float64(held)/took.Seconds())
}
