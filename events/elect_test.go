package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
)

// A stuck server answers as a stream does whose leader has lost a message but not
// its id: every message is refused until another leader is asked for. A real
// cluster comes to that too seldom for a test.
type stuck struct {
	js        jetstream.JetStream
	elections atomic.Int32
	stored    atomic.Int32
	willing   bool // to elect another leader
}

func newStuck(t *testing.T, willing bool) *stuck {
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
	conn, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s := &stuck{willing: willing}
	if s.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	answer := func(subject string, with func() any) {
		if _, err := conn.Subscribe(subject, func(msg *nats.Msg) {
			data, err := json.Marshal(with())
			if err == nil {
				err = msg.Respond(data)
			}
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	refused := map[string]any{"code": 409, "err_code": 10158, "description": "duplicate message id is in process"}
	store := func() any {
		if s.elections.Load() == 0 || !s.willing {
			return map[string]any{"error": refused}
		}
		s.stored.Add(1)
		return map[string]any{"stream": "S", "seq": 1}
	}
	answer("in.>", store)
	answer("out.>", store)
	answer("dead.>", store)
	answer("callbacks.>", store)
	answer("$JS.API.STREAM.NAMES", func() any { return map[string]any{"streams": []string{"S"}, "total": 1} })
	answer("$JS.API.STREAM.LEADER.STEPDOWN.S", func() any {
		s.elections.Add(1)
		if !s.willing {
			return map[string]any{"error": map[string]any{"code": 503, "err_code": 10008, "description": "not now"}}
		}
		return map[string]any{"success": true}
	})
	return s
}

func TestIDThatStaysInProcessIsFreedByAnotherLeader(t *testing.T) {
	t.Parallel()
	for what, write := range map[string]func(*testing.T, *stuck) error{
		"journal": func(t *testing.T, s *stuck) error {
			journal := events.NewJournal(s.js, events.JournalConfig{In: "S", InSubject: "in"})
			_, err := journal.Append(t.Context(), arrival("a"), []events.Target{{Tenant: "acme", Rules: []string{"r"}}}, 1)
			return err
		},
		"outcomes": func(t *testing.T, s *stuck) error {
			outcome, err := events.NewOutcome(events.Head{ID: "1", Type: events.TypeRunSucceeded, Tenant: "acme"}, events.RunData{})
			if err != nil {
				return err
			}
			return events.NewPublisher(s.js, events.PublisherConfig{Subject: "out"}).Publish(t.Context(), outcome)
		},
		"callbacks": func(t *testing.T, s *stuck) error {
			outcome, err := events.NewOutcome(events.Head{ID: "1", Type: events.TypeRunSucceeded, Tenant: "acme"}, events.RunData{})
			if err != nil {
				return err
			}
			publisher := events.NewPublisher(s.js, events.PublisherConfig{Subject: "out", CallbackSubject: "callbacks"})
			return publisher.CallBack(t.Context(), outcome, events.Callback{Source: "etl", URL: "https://etl.example/1"})
		},
		"dead letters": func(t *testing.T, s *stuck) error {
			return events.NewDeadLetters(s.js, "S", "dead").Put(t.Context(), events.Entry{Tenant: "acme"}, events.Burial{})
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStuck(t, true)
			if err := write(t, s); err != nil {
				t.Fatal(err)
			}
			if s.elections.Load() != 1 || s.stored.Load() != 1 {
				t.Errorf("%d elections, stored %d times", s.elections.Load(), s.stored.Load())
			}
		})
	}
}

func TestIDThatStaysInProcessIsAnErrorInTimeAndAsksForOneElection(t *testing.T) {
	t.Parallel()
	s := newStuck(t, false)
	journal := events.NewJournal(s.js, events.JournalConfig{In: "S", InSubject: "in"})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	_, err := journal.Append(ctx, arrival("a"), []events.Target{{Tenant: "acme", Rules: []string{"r"}}}, 1)
	if !errors.Is(err, events.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if s.elections.Load() != 1 {
		t.Errorf("%d elections were asked for", s.elections.Load())
	}
}
