package ingress_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// graves are the dead letters of a test.
type graves struct {
	mu     sync.Mutex
	buried []ingress.Poison
	err    error
}

func (g *graves) bury(_ context.Context, p ingress.Poison) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return g.err
	}
	g.buried = append(g.buried, p)
	return nil
}

func (g *graves) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.buried)
}

// A river is somebody's stream on a server of theirs.
type river struct {
	*door
	graves *graves
	js     jetstream.JetStream
	server *server.Server
	listen func() (stop func())
}

func flowing(t *testing.T) *river {
	t.Helper()
	ns, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	connect := func() *nats.Conn {
		conn, err := nats.Connect("", nats.InProcessServer(ns))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	r := &river{graves: &graves{}, server: ns}
	if r.js, err = jetstream.New(connect()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "LOADS", Subjects: []string{"loads.>"}}); err != nil {
		t.Fatal(err)
	}
	r.door = opened(t, func(c *ingress.Config) { c.Bury, c.MaxBody = r.graves.bury, 1000 })
	definitions := sources()
	definitions[len(definitions)-1].NATS = &ingress.Subject{Subject: "loads.*.done", Stream: "LOADS"}
	r.Set(live(t, definitions, 2))
	r.listen = func() func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended, own := make(chan error, 1), connect()
		go func() { ended <- r.Listen(ctx, own) }()
		return sync.OnceFunc(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	return r
}

func (r *river) publish(t *testing.T, subject, body string, headers ...string) {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(body)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		msg.Header.Set(name, value)
	}
	if _, err := r.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
}

// pending returns how many messages the consumer has not had acknowledged.
func (r *river) pending(t *testing.T) int {
	t.Helper()
	consumer, err := r.js.Consumer(t.Context(), "LOADS", "gateway_etl")
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	info, err := consumer.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.NumAckPending + int(info.NumPending) //nolint:gosec // a few
}

// handled waits until so many messages were stored or buried and all are acknowledged.
// A consumer's own count will not do alone: it is 0 for a moment while a message is on its way.
func (r *river) handled(t *testing.T, messages int) {
	t.Helper()
	until(t, func() bool {
		return len(r.shelf.arrivals())+r.graves.count() == messages && r.pending(t) == 0
	})
}

func TestStreamIsReadThroughADurableConsumer(t *testing.T) {
	t.Parallel()
	r := flowing(t)
	r.publish(t, "loads.crm.done", `{"rows":7}`) // before anybody listens
	r.publish(t, "loads.crm.started", `{"rows":7}`)
	stop := r.listen()
	defer stop()
	r.handled(t, 1)
	if stored := r.shelf.arrivals(); len(stored) != 1 || !strings.HasPrefix(stored[0].DedupeID, "LOADS/1/") || stored[0].Event.Subject() != "loads.crm.done" || string(stored[0].Event.Data()) != `{"rows":7}` {
		t.Fatalf("stored %v", stored)
	}
	r.publish(t, "loads.crm.done", "{}", "Ce-Specversion: 1.0", "Ce-Id: b1", "Ce-Source: /a", "Ce-Type: t", "Nats-Rollup-Test: x")
	r.publish(t, "loads.crm.done", `{"specversion":"1.0","id":"s1","source":"/a","type":"t"}`, "Content-Type: application/cloudevents+json")
	r.handled(t, 3)
	stop()
	r.publish(t, "loads.crm.done", `{"rows":8}`)
	stop = r.listen()
	defer stop()
	r.handled(t, 4)
	stored := r.shelf.arrivals()
	if len(stored) != 4 || stored[1].DedupeID != "b1" || stored[2].DedupeID != "s1" || !strings.HasPrefix(stored[3].DedupeID, "LOADS/5/") {
		t.Errorf("stored %v", stored)
	}
	if r.graves.count() > 0 {
		t.Errorf("buried %v", r.graves.buried)
	}
}

// TestStreamThatIsMadeAnewLosesNoMessage: its numbers begin at 1 again.
func TestStreamThatIsMadeAnewLosesNoMessage(t *testing.T) {
	t.Parallel()
	r := flowing(t)
	for n := range 2 {
		if n > 0 {
			if err := r.js.DeleteStream(t.Context(), "LOADS"); err != nil {
				t.Fatal(err)
			}
			if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "LOADS", Subjects: []string{"loads.>"}}); err != nil {
				t.Fatal(err)
			}
		}
		r.publish(t, "loads.crm.done", fmt.Sprintf(`{"rows":%d}`, n))
		r.publish(t, "loads.crm.done", fmt.Sprintf(`{"load":%d`, n), "Content-Type: application/json")
		stop := r.listen()
		until(t, func() bool { return r.pending(t) == 0 && r.graves.count() > n })
		stop()
	}
	if stored := r.shelf.arrivals(); len(stored) != 2 || string(stored[1].Event.Data()) != `{"rows":1}` {
		t.Errorf("stored %v", stored)
	}
	if buried := r.graves.buried; len(buried) != 2 || buried[0].ID == buried[1].ID {
		t.Errorf("buried %+v", buried)
	}
}

func TestMessageStaysInItsStreamUntilTheJournalHasIt(t *testing.T) {
	t.Parallel()
	r := flowing(t)
	r.shelf.fail(events.ErrUnavailable)
	r.publish(t, "loads.crm.done", `{"rows":7}`)
	stop := r.listen()
	until(t, func() bool { return r.counted(t, "etl", ingress.Unavailable) >= 0 && r.pending(t) == 1 })
	stop()
	if r.pending(t) != 1 || r.graves.count() > 0 || len(r.shelf.arrivals()) > 0 {
		t.Errorf("%d pending, %d buried", r.pending(t), r.graves.count())
	}
	r.shelf.fail(nil)
	stop = r.listen()
	defer stop()
	r.handled(t, 1)
	if len(r.shelf.arrivals()) != 1 {
		t.Errorf("stored %v", r.shelf.arrivals())
	}
}

func TestPoisonGoesToTheDeadLettersAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := flowing(t)
	r.graves.err = errors.New("the dead letters cannot be written")
	for i, poison := range []string{`{"specversion":"0.3","id":"1"}`, strings.Repeat("x", 2000), strings.Repeat("[", 100)} {
		r.publish(t, "loads.crm.done", poison, "Content-Type: application/cloudevents+json", fmt.Sprintf("X-Number: %d", i))
	}
	r.publish(t, "loads.crm.done", `{"rows":7}`)
	stop := r.listen()
	until(t, func() bool { return r.pending(t) > 0 })
	stop()
	if len(r.shelf.arrivals()) > 0 || r.pending(t) != 4 {
		t.Errorf("%d pending after the dead letters failed", r.pending(t))
	}
	r.graves.err = nil
	stop = r.listen()
	defer stop()
	r.handled(t, 4)
	if r.graves.count() != 3 || len(r.shelf.arrivals()) != 1 {
		t.Fatalf("buried %d, stored %d", r.graves.count(), len(r.shelf.arrivals()))
	}
	slices.SortFunc(r.graves.buried, func(a, b ingress.Poison) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for i, p := range r.graves.buried {
		if p.Sequence != uint64(i+1) || p.Source != "etl" || p.Stream != "LOADS" || p.Hint == "" || len(p.Body) == 0 || p.Header.Get("X-Number") != fmt.Sprint(i) { //nolint:gosec // a few
			t.Errorf("buried %+v", p)
		}
	}
}
