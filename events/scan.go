package events

import (
	"context"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
)

// scanAhead is how many messages a scan asks for at once.
const scanAhead = 256

// scan gives the messages of a stream that a consumer's configuration chooses, in
// order, up to the end of the stream. Its caller may take its time between two:
// nothing is held open for it.
func scan(ctx context.Context, js jetstream.JetStream, stream string, chosen jetstream.OrderedConsumerConfig) iter.Seq2[stored, error] {
	chosen.InactiveThreshold, chosen.MaxResetAttempts = readerForgotten, 1
	return func(yield func(stored, error) bool) {
		consumer, err := js.OrderedConsumer(ctx, stream, chosen)
		if err != nil {
			yield(stored{}, classify("read "+stream, err))
			return
		}
		defer func() { forget(js, consumer) }()
		for more := true; more; {
			if more, err = scanSome(ctx, consumer, yield); err != nil {
				yield(stored{}, classify("read "+stream, err))
				return
			}
		}
	}
}

// scanSome gives the next messages there are; more is false when there were none
// or nobody wants more of them.
func scanSome(ctx context.Context, consumer jetstream.Consumer, yield func(stored, error) bool) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	batch, err := consumer.FetchNoWait(scanAhead)
	if err != nil {
		return false, err
	}
	wanted := true
	for msg := range batch.Messages() { // to its end: the next fetch goes on behind what was received
		meta, err := msg.Metadata()
		if err != nil {
			return false, err
		}
		more = true
		wanted = wanted && yield(stored{
			subject: msg.Subject(), sequence: meta.Sequence.Stream, time: meta.Timestamp,
			header: msg.Headers(), body: msg.Data(), pending: meta.NumPending,
		}, nil)
	}
	return more && wanted, batch.Error()
}
