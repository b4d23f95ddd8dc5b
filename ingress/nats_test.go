package ingress_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// A wire is a NATS server that a door listens on.
type wire struct {
	*nats.Conn // a sender's
	account    *server.Account
	stop       func() // ends listening, and waits for it
}

// listening starts a NATS server and has the door listen on it.
func listening(t *testing.T, d *door) *wire {
	t.Helper()
	ns, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true})
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
	w := &wire{Conn: connect()}
	if w.account, err = ns.LookupAccount(server.DEFAULT_GLOBAL_ACCOUNT); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	own := connect()
	go func() { ended <- d.Listen(ctx, own) }()
	w.stop = func() {
		cancel()
		if err, open := <-ended; open && err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(cancel)
	w.heard(t, "etl.any.done", 1)
	return w
}

// heard waits until so many subscriptions would get a message of the subject.
func (w *wire) heard(t *testing.T, subject string, subscriptions int) {
	t.Helper()
	until(t, func() bool { return w.account.Interest(subject) == subscriptions })
}

// ask sends a message and returns the gateway's answer.
func (w *wire) ask(t *testing.T, subject, body string, headers ...string) reply {
	t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(body)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		msg.Header[name] = append(msg.Header[name], value)
	}
	answer, err := w.RequestMsg(msg, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{raw: string(answer.Data), header: map[string][]string(answer.Header)}
	if err := json.Unmarshal(answer.Data, &r); err != nil {
		t.Fatalf("answer is not JSON: %q", answer.Data)
	}
	r.status = r.Status
	return r
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline.C:
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}

func TestMessagesAreEventsAndAreAnswered(t *testing.T) {
	t.Parallel()
	structured := `{"specversion":"1.0","id":"e-1","source":"/jobs/1","type":"com.example.done","data":{"rows":3}}`
	for _, tt := range []struct {
		name, body string
		headers    []string
		kind, id   string
		raw        bool
	}{
		{"plain", `{"rows":3}`, nil, ingress.TypeMessage, "", false},
		{"plain with an id", `{"rows":3}`, []string{"Idempotency-Key: k1"}, ingress.TypeMessage, "k1", false},
		{"binary", `{"rows":3}`, []string{"ce-specversion: 1.0", "ce-id: e-1", "ce-source: /jobs/1", "ce-type: com.example.done", "ce-datacontenttype: application/json"},
			"com.example.done", "e-1", false},
		{"structured", structured, []string{"content-type: application/cloudevents+json"}, "com.example.done", "e-1", true},
		{"structured without a header", structured, nil, "com.example.done", "e-1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := opened(t, nil)
			w := listening(t, d)
			r := w.ask(t, "etl.sales.done", tt.body, tt.headers...)
			if r.Source != "etl" || !reflect.DeepEqual(r.Matches, []string{"loaded"}) || r.header.Get("Content-Type") != "application/json" {
				t.Fatalf("answered %s", r.raw)
			}
			a := d.shelf.arrivals()[0]
			if a.Event.Type() != tt.kind || tt.id != "" && r.ID != tt.id || tt.raw != (a.Raw != nil) || tt.raw && string(a.Raw) != tt.body {
				t.Errorf("stored %s", a.Event)
			}
			if tt.kind == ingress.TypeMessage && a.Event.Subject() != "etl.sales.done" {
				t.Errorf("subject is %q", a.Event.Subject())
			}
			if again := w.ask(t, "etl.sales.done", tt.body, tt.headers...); again.Duplicate != (tt.id != "") {
				t.Errorf("sent again: %s", again.raw)
			}
		})
	}
}

func TestHeadersThatSteerAServerAreDropped(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	w := listening(t, d)
	steering := []string{"Nats-Rollup: all", "Nats-Msg-Id: 1", "Nats-Expected-Stream: GATEWAY_IN", "Nats-TTL: 1s", "nats-schedule: @at", "KV-Operation: PURGE"}
	first, second := w.ask(t, "etl.a.done", "{}", steering...), w.ask(t, "etl.a.done", "{}", steering...)
	if first.ID == second.ID || second.Duplicate {
		t.Errorf("answered %s, then %s", first.raw, second.raw)
	}
	for _, a := range d.shelf.arrivals() {
		if len(a.Event.Extensions()) > 0 {
			t.Errorf("stored %s", a.Event)
		}
	}
}

func TestMessagesThatCannotBeReadAreAnsweredWithAProblem(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.MaxBody = 4096 })
	w := listening(t, d)
	for _, tt := range []struct {
		body    string
		headers []string
		status  int
		detail  string
	}{
		{`{"rows":`, []string{"Content-Type: application/json"}, 400, "not JSON"},
		{"[]", []string{"Content-Type: application/cloudevents-batch+json"}, 415, "HTTP only"},
		{"{}", []string{"ce-specversion: 0.3", "ce-id: 1", "ce-type: t", "ce-source: /a"}, 400, "send CloudEvents 1.0"},
		{"{}", []string{"ce-specversion: 1.0", "ce-: 1"}, 400, "lower-case"},
		{strings.Repeat(" ", 5000), nil, 413, "4096 bytes"},
	} {
		w.ask(t, "etl.sales.done", tt.body, tt.headers...).refused(t, tt.status, tt.detail)
	}
	d.nothingStored(t)
}

// A publisher chooses where the answer goes, so an answer must reach nothing but
// inboxes: a reply to a subject of somebody else would be a message in our name.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	w := listening(t, d)
	all, err := w.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"gateway.in.acme.etl", "$JS.API.STREAM.PURGE.GATEWAY_IN", "etl.other.done", "_INBOX", "_INBOXES.x"} {
		if err := w.PublishRequest("etl.sales.done", target, []byte(`{"rows":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	w.ask(t, "etl.last.done", "{}")
	var heard []string
	for len(heard) == 0 || !strings.HasPrefix(heard[len(heard)-1], "_INBOX.") {
		msg, err := all.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, msg.Subject)
	}
	if n := len(heard); n != 7 || heard[n-2] != "etl.last.done" {
		t.Errorf("heard %v", heard)
	}
	if stored := len(d.shelf.arrivals()); stored != 6 {
		t.Errorf("%d events stored, want 6", stored)
	}
}

func TestSubscriptionsFollowTheSources(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	w := listening(t, d)
	changed := sources()
	changed[len(changed)-1].NATS = &ingress.Subject{Subject: "loads.>", Queue: "shared"}
	d.Set(live(t, changed, 2))
	w.heard(t, "loads.a.b", 1)
	w.heard(t, "etl.a.done", 0)
	if r := w.ask(t, "loads.a.b", `{"rows":1}`); r.Source != "etl" {
		t.Errorf("answered %s", r.raw)
	}
	w.stop()
	w.heard(t, "loads.a.b", 0)
}

func TestMessageThatNobodyWaitsForOutlivesAFaultOfTheJournal(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.shelf.fail(events.ErrUnavailable)
	w := listening(t, d)
	if r := w.ask(t, "etl.a.done", "{}"); r.Status != 503 {
		t.Errorf("a request is answered %s", r.raw)
	}
	if err := w.Publish("etl.b.done", []byte(`{"rows":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	d.shelf.fail(nil)
	until(t, func() bool { return len(d.shelf.arrivals()) == 1 })
}

func TestStoppingFinishesTheMessagesInHand(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.shelf.hold, d.shelf.entered = make(chan struct{}), make(chan struct{}, 16)
	w := listening(t, d)
	for range 5 {
		if err := w.Publish("etl.a.done", []byte(`{"rows":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	<-d.shelf.entered
	go close(d.shelf.hold)
	w.stop()
	if stored := len(d.shelf.arrivals()); stored != 5 {
		t.Errorf("%d of 5 messages stored", stored)
	}
}

func TestRunsAreAskedForOverNATS(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) {
		c.Runs.ID = func(_ context.Context, _ uint64, tenant string) (string, error) { return "run-of-" + tenant, nil }
	})
	definitions := append(sources(), ingress.Source{Name: "runs", NATS: &ingress.Subject{Subject: "qlik.run.*"}})
	d.Set(live(t, definitions, 2))
	w := listening(t, d)
	w.heard(t, "qlik.run.acme", 1)
	body := `{"do":[{"reload":{"app":"2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90"}}]}`
	if r := w.ask(t, "qlik.run.acme", body, "Idempotency-Key: k1"); r.Run != "run-of-acme" || r.Duplicate {
		t.Errorf("answered %s", r.raw)
	}
	if r := w.ask(t, "qlik.run.acme", body, "Idempotency-Key: k1"); !r.Duplicate {
		t.Errorf("the same key: %s", r.raw)
	}
	for subject, body := range map[string]string{
		"qlik.run.nowhere": body,
		"qlik.run.umbra":   strings.Replace(body, "{", `{"tenant":"acme",`, 1),
		"qlik.run.acme":    `{"do":["relaod"]}`,
	} {
		if r := w.ask(t, subject, body); r.Status != 400 {
			t.Errorf("%s %s: answered %s", subject, body, r.raw)
		}
	}
	stored := d.shelf.arrivals()
	if len(stored) != 1 || stored[0].Event.Type() != ingress.TypeRunRequested || d.shelf.targets[0][0].Tenant != "acme" || d.shelf.targets[0][0].Rules[0] != "direct" {
		t.Errorf("stored %v for %v", stored, d.shelf.targets)
	}
}
