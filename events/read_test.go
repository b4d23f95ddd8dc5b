package events_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// reading reads a tenant's events until the test ends.
func reading(t *testing.T, j *events.Journal, tenant string, from uint64) <-chan events.Entry {
	t.Helper()
	out := make(chan events.Entry)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Read(ctx, tenant, from, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("reading ended with %v", err)
		}
	})
	return out
}

func next(t *testing.T, in <-chan events.Entry) events.Entry {
	t.Helper()
	select {
	case entry := <-in:
		return entry
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
		return events.Entry{}
	}
}

func TestReaderGetsItsTenantsEventsInOrder(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	for i := 1; i <= 10; i++ {
		tenant := []string{"acme", "beta"}[i%2]
		appendTo(t, j, arrival(fmt.Sprint(i)), target(tenant, "r"))
	}
	in := reading(t, j, "acme", 3)
	for want := uint64(4); want <= 10; want += 2 {
		entry := next(t, in)
		if entry.Sequence != want || entry.Event.ID() != fmt.Sprint(want) || entry.Tenant != "acme" || entry.Source != "dbt" {
			t.Errorf("got event %s at %d of %s, want %d", entry.Event.ID(), entry.Sequence, entry.Tenant, want)
		}
		if left := (10 - want) / 2; entry.Pending != left {
			t.Errorf("%d pending behind %d, want %d", entry.Pending, want, left)
		}
	}
	appendTo(t, j, arrival("late"), target("acme", "r"))
	if entry := next(t, in); entry.Event.ID() != "late" || entry.Pending != 0 {
		t.Errorf("got %s, want the event that came while reading", entry.Event.ID())
	}
}

func TestReaderSurvivesALostConsumer(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	in := reading(t, j, "acme", 0)
	stream, err := b.JetStream().Stream(t.Context(), "GATEWAY_IN")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		appendTo(t, j, arrival(fmt.Sprint(i)), target("acme", "r"))
		if got := next(t, in); got.Event.ID() != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", got.Event.ID(), i)
		}
		for name := range stream.ConsumerNames(t.Context()).Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestReaderSurvivesALostConnection(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	in := reading(t, j, "acme", 0)
	for i := range 3 {
		appendTo(t, j, arrival(fmt.Sprint(i)), target("acme", "r"))
		if got := next(t, in); got.Event.ID() != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", got.Event.ID(), i)
		}
		if err := b.Conn().ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		for b.Conn().FlushTimeout(time.Second) != nil {
		}
	}
}

func TestSlowReaderLosesNothing(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	in := reading(t, j, "acme", 1)
	const many = 1500 // several times what is read ahead
	for i := range many {
		appendTo(t, j, arrival(fmt.Sprint(i)), target("acme", "r"))
	}
	for i := range many {
		if got := next(t, in); got.Sequence != uint64(i+1) {
			t.Fatalf("got %d, want %d", got.Sequence, i+1)
		}
	}
}

func TestUnreadableMessageIsHandedOn(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	in := reading(t, j, "acme", 1)
	if _, err := b.JetStream().Publish(t.Context(), "gateway.in.acme.dbt", []byte("{")); err != nil {
		t.Fatal(err)
	}
	entry := next(t, in)
	if entry.Err == nil || entry.Tenant != "acme" || entry.Source != "dbt" || string(entry.Body) != "{" {
		t.Errorf("entry %+v", entry)
	}
	_ = entry.View() // it never panics
	dead := events.NewDeadLetters(b.JetStream(), b.Names().Dead, b.Names().DeadSubject)
	for range 2 {
		err := dead.Put(t.Context(), entry, events.Burial{Reason: events.ReasonUndecodable, Hop: "dispatcher", Hint: "line one\nline two"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := dead.Put(t.Context(), entry, events.Burial{Rule: "r", Reason: events.ReasonRuleRemoved, Hop: "dispatcher"}); err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(t.Context(), "GATEWAY_DEAD")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("%d dead letters, want one of the event and one of the rule", n)
	}
	first, err := stream.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if first.Subject != "gateway.dead.acme.dbt" || string(first.Data) != "{" || first.Header.Get("Gateway-Reason") != "undecodable" ||
		first.Header.Get("Gateway-Sequence") != "1" || first.Header.Get("Gateway-Hint") != "line%20one%0Aline%20two" {
		t.Errorf("dead letter on %s: %v %s", first.Subject, first.Header, first.Data)
	}
}

// TestReaderThatEndsLeavesNoConsumer: a stream has room for so many, and whoever may read
// the outcomes may come and go as often as they like.
func TestReaderThatEndsLeavesNoConsumer(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	appendTo(t, j, arrival("1"), target("acme", "r"))
	ctx, cancel := context.WithCancel(t.Context())
	out, done := make(chan events.Entry), make(chan error, 1)
	go func() { done <- j.Read(ctx, "acme", 1, out) }()
	next(t, out)
	cancel()
	<-done
	wantNoConsumers(t, b)
}

// TestLooksLeaveNoConsumer: whoever may read may look as often as they like.
func TestLooksLeaveNoConsumer(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	for i := range 3 {
		appendTo(t, j, arrival(fmt.Sprint(i)), target("acme", "r"))
	}
	seen := 0
	for _, err := range j.After(t.Context(), "acme", 1) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
	}
	if err := j.Sweep(t.Context(), "acme", 2, time.Hour); err != nil || seen != 2 {
		t.Fatalf("saw %d events: %v", seen, err)
	}
	wantNoConsumers(t, b)
}

// wantNoConsumers waits until the journal has no consumer, for less than the minute after
// which the broker forgets one that nobody reads.
func wantNoConsumers(t *testing.T, b *broker.Broker) {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), "GATEWAY_IN")
	if err != nil {
		t.Fatal(err)
	}
	soon, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	for consumers := -1; consumers != 0; {
		info, err := stream.Info(soon)
		if err != nil {
			t.Fatalf("%d consumers are left: %v", consumers, err)
		}
		consumers = info.State.Consumers
	}
}
