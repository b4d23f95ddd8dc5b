package bridge_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events/broker"
)

// A deaf JetStream stores what is published and does not hear the answer, as when the
// server that leads the stream goes just then.
type deaf struct {
	jetstream.JetStream
	lost  atomic.Int32  // answers to be lost from now on
	again chan struct{} // of each that is heard
}

func (d *deaf) PublishMsg(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	ack, err := d.JetStream.PublishMsg(ctx, msg, opts...)
	if err == nil && d.lost.Add(-1) >= 0 {
		return nil, context.DeadlineExceeded
	}
	d.again <- struct{}{}
	return ack, err
}

// TestLeaseIsKeptWhereAnAnswerWasLost loses the answer to what takes a lease, and to what
// renews it. Both are found to be written by this lease, and nobody waits for its end.
func TestLeaseIsKeptWhereAnAnswerWasLost(t *testing.T) {
	t.Parallel()
	b, err := broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	js := &deaf{JetStream: b.JetStream(), again: make(chan struct{}, 100)}
	const ttl = 4 * time.Second
	leases, err := bridge.OpenLeases(t.Context(), js, b.Names().Leases, "me/1", ttl)
	if err != nil {
		t.Fatal(err)
	}
	js.lost.Store(1)
	began := time.Now()
	lease, err := leases.Acquire(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > ttl*3/4 {
		t.Errorf("the lease was taken after %s, when it may have been over", took)
	}
	keeping, stop := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- lease.Keep(keeping) }()
	js.lost.Store(1)
	for len(js.again) > 0 {
		<-js.again
	}
	for range 3 {
		select {
		case <-js.again:
		case err := <-kept:
			t.Fatalf("the lease was not kept: %v", err)
		}
	}
	stop()
	if err := <-kept; err != nil {
		t.Error(err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if holder, err := leases.Holder(t.Context(), "a"); err != nil || holder != "" {
		t.Errorf("%q holds the lease after it was released, %v", holder, err)
	}
}

// TestLeaseOfAnotherIsNotTaken has two of one holder's name, as two processes of equal
// host and id have: only what a lease wrote by itself counts as its own.
func TestLeaseOfAnotherIsNotTaken(t *testing.T) {
	t.Parallel()
	b, err := broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	leases, err := bridge.OpenLeases(t.Context(), b.JetStream(), b.Names().Leases, "me/1", 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	first, err := leases.Acquire(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := leases.Acquire(waiting, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("another one took it: %v", err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := leases.Acquire(t.Context(), "a") // over what says that it was given up
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Keep(t.Context()); !errors.Is(err, bridge.ErrLeaseLost) {
		t.Errorf("the one that gave it up keeps it: %v", err)
	}
	if err := second.Release(t.Context()); err != nil {
		t.Error(err)
	}
}
