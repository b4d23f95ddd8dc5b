package events

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readAhead is how many events a reader asks for before it has handed them on.
	readAhead = 256

	// How long a reader waits before it tries again after an error.
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second

	// readerForgotten is when the broker forgets a reader that went away.
	readerForgotten = time.Minute
)

// Read hands the tenant's events from sequence from on to out, in order, each
// once, and goes on with new ones until ctx ends; then it returns the context's
// error. It outlives lost connections and restarts of the broker.
func (j *Journal) Read(ctx context.Context, tenant string, from uint64, out chan<- Entry) error {
	next, wait := max(from, 1), shortestWait
	for {
		reached, err := j.readOn(ctx, tenant, next, out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if j.js.Conn().IsClosed() {
			return classify("read journal", err)
		}
		if reached > next {
			wait = shortestWait
		}
		next = reached
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait = min(2*wait, longestWait)
		}
	}
}

// readOn reads until something goes wrong, and returns the sequence to go on
// from. The client mends a broken consumer once by itself; more is done in Read,
// which heeds ctx.
func (j *Journal) readOn(ctx context.Context, tenant string, next uint64, out chan<- Entry) (uint64, error) {
	consumer, err := j.js.OrderedConsumer(ctx, j.cfg.In, jetstream.OrderedConsumerConfig{
		FilterSubjects:    []string{j.filter(tenant)},
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       next,
		InactiveThreshold: readerForgotten,
		MaxResetAttempts:  1,
	})
	if err != nil {
		return next, fmt.Errorf("make consumer: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return next, fmt.Errorf("consume: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return next, fmt.Errorf("read next: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return next, fmt.Errorf("read metadata: %w", err)
		}
		if meta.Sequence.Stream < next {
			continue
		}
		entry := j.decode(stored{
			subject: msg.Subject(), sequence: meta.Sequence.Stream, time: meta.Timestamp,
			header: msg.Headers(), body: msg.Data(), pending: meta.NumPending,
		})
		select {
		case out <- entry:
			next = entry.Sequence + 1
		case <-ctx.Done():
			return next, ctx.Err()
		}
	}
}
