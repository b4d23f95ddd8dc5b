package events

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// follow hands the messages of a stream that chosen names, from its start sequence
// on, to f: in order, each once, and then new ones until ctx ends or f returns an
// error, which it returns. It outlives lost connections and restarts of the broker.
func follow(ctx context.Context, js jetstream.JetStream, stream string, chosen jetstream.OrderedConsumerConfig, f func(stored) error) error {
	chosen.DeliverPolicy, chosen.OptStartSeq = jetstream.DeliverByStartSequencePolicy, max(chosen.OptStartSeq, 1)
	chosen.InactiveThreshold, chosen.MaxResetAttempts = readerForgotten, 1
	var refused error
	for wait := shortestWait; ; {
		next := chosen.OptStartSeq
		err := followOn(ctx, js, stream, chosen, func(msg stored) error {
			if msg.sequence < chosen.OptStartSeq {
				return nil
			}
			refused = f(msg)
			if refused == nil {
				chosen.OptStartSeq = msg.sequence + 1
			}
			return refused
		})
		switch {
		case refused != nil:
			return refused
		case ctx.Err() != nil:
			return ctx.Err()
		case js.Conn().IsClosed():
			return classify("read "+stream, err)
		}
		if chosen.OptStartSeq > next {
			wait = shortestWait
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait = min(2*wait, longestWait)
		}
	}
}

// followOn reads until something goes wrong. The client mends a broken consumer
// once by itself; more is done in follow, which heeds ctx.
func followOn(ctx context.Context, js jetstream.JetStream, stream string, chosen jetstream.OrderedConsumerConfig, f func(stored) error) error {
	all, err := newWhole(ctx, js, stream, chosen, f)
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, stream, chosen)
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullHeartbeat(readerHeartbeat))
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read next: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read metadata: %w", err)
		}
		err = all.take(ctx, stored{
			subject: msg.Subject(), sequence: meta.Sequence.Stream, time: meta.Timestamp,
			header: msg.Headers(), body: msg.Data(), pending: meta.NumPending,
		})
		if err != nil {
			return err
		}
	}
}
