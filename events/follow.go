package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// follow hands the messages of a stream that chosen names, from its start sequence
// on, to f: in order, each once, and then new ones until ctx ends or f returns an
// error, which it returns. It outlives lost connections and restarts of the broker.
func follow(ctx context.Context, js jetstream.JetStream, stream string, chosen jetstream.ConsumerConfig, f func(stored) error) error {
	chosen.DeliverPolicy, chosen.OptStartSeq = jetstream.DeliverByStartSequencePolicy, max(chosen.OptStartSeq, 1)
	chosen.AckPolicy, chosen.Replicas, chosen.MemoryStorage, chosen.InactiveThreshold = jetstream.AckNonePolicy, 1, true, readerForgotten
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

// errBroken ends a reader that may have missed messages.
var errBroken = errors.New("messages may have been lost on their way")

// followOn reads until something goes wrong. The client's ordered consumer mends itself,
// but holds up whoever waits for it for ten seconds when it asks a server that has gone;
// so this is one consumer, and follow makes another where its numbers have a gap or the
// connection was made anew, on which messages may have been under way.
func followOn(ctx context.Context, js jetstream.JetStream, stream string, chosen jetstream.ConsumerConfig, f func(stored) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var watching sync.WaitGroup
	defer watching.Wait()
	reconnected := js.Conn().StatusChanged(nats.CONNECTED)
	defer js.Conn().RemoveStatusListener(reconnected)
	watching.Go(func() {
		if _, open := <-reconnected; open {
			stop(errBroken)
		}
	})
	messages, all, err := begin(ctx, js, stream, chosen, f)
	if err != nil {
		return err
	}
	defer messages.Stop()
	for next := uint64(1); ; next++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read next: %w", errors.Join(err, context.Cause(ctx)))
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read metadata: %w", err)
		}
		if meta.Sequence.Consumer != next {
			return errBroken
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

// begin makes a consumer and asks for its first messages.
func begin(ctx context.Context, js jetstream.JetStream, stream string, chosen jetstream.ConsumerConfig, f func(stored) error) (jetstream.MessagesContext, *whole, error) {
	ctx, cancel := context.WithTimeout(ctx, readerWithin)
	defer cancel()
	all, err := newWhole(ctx, js, stream, chosen, f)
	if err != nil {
		return nil, nil, err
	}
	consumer, err := js.CreateConsumer(ctx, stream, chosen)
	if err != nil {
		return nil, nil, fmt.Errorf("make consumer: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullHeartbeat(readerHeartbeat))
	if err != nil {
		return nil, nil, fmt.Errorf("consume: %w", err)
	}
	return &reader{messages, js, consumer}, all, nil
}

// A reader is the messages of a consumer of its own.
type reader struct {
	jetstream.MessagesContext
	js       jetstream.JetStream
	consumer jetstream.Consumer
}

// Stop ends the reading.
func (r *reader) Stop() {
	r.MessagesContext.Stop()
	forget(r.js, r.consumer)
}

// forget has the broker forget a consumer: a stream has room for so many. Nobody waits for
// that: the broker may have gone, and forgets one that nobody reads by itself, if later.
func forget(js jetstream.JetStream, consumer jetstream.Consumer) {
	info := consumer.CachedInfo()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), readerWithin)
		defer cancel()
		_ = js.DeleteConsumer(ctx, info.Stream, info.Name)
	}()
}
