package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// A whole hands the messages of a stream on that a consumer gives, and before each
// those that the consumer passed over. In a cluster a consumer reads from the copy of
// the server it is on, which may be behind the stream's leader: then it was seen to go
// from one message to a later one without a gap in its own numbers. The leader knows
// what the stream holds, so it is asked wherever the stream's numbers have a gap:
// messages that are gone leave one, and so do other tenants' where a filter is.
type whole struct {
	stream jetstream.Stream // nil = there are no copies, so that nothing is passed over
	filter string           // of subjects; "" = all
	next   uint64
	f      func(stored) error
}

// newWhole begins with the sequence that a consumer starts from.
func newWhole(ctx context.Context, js jetstream.JetStream, name string, chosen jetstream.ConsumerConfig, f func(stored) error) (*whole, error) {
	w := &whole{next: chosen.OptStartSeq, filter: chosen.FilterSubject, f: f}
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look at stream: %w", err)
	}
	if stream.CachedInfo().Config.Replicas > 1 {
		w.stream = stream
	}
	return w, nil
}

// take hands on what was passed over before a message, and then the message.
func (w *whole) take(ctx context.Context, msg stored) error {
	for w.stream != nil && w.next < msg.sequence {
		held, err := w.stream.GetMsg(ctx, w.next, jetstream.WithGetMsgSubject(orAll(w.filter)))
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && held.Sequence >= msg.sequence {
			break
		}
		if err != nil {
			return fmt.Errorf("look for what was passed over: %w", err)
		}
		passed := stored{subject: held.Subject, sequence: held.Sequence, time: held.Time, header: held.Header, body: held.Data, pending: msg.pending + 1}
		if err := w.f(passed); err != nil {
			return err
		}
		w.next = held.Sequence + 1
	}
	w.next = max(w.next, msg.sequence+1)
	return w.f(msg)
}

// orAll is a filter of subjects, or one for all of them.
func orAll(filter string) string {
	if filter == "" {
		return ">"
	}
	return filter
}
