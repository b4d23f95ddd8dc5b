package ingress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamPending = 64               // messages of one stream that are in hand at once
	streamAckWait = 30 * time.Second // after which a message that nobody answered for comes again
	streamRetry   = 5 * time.Second  // until a stream that is not there is looked for again
)

// Poison is a message of somebody's stream that can never become an event.
type Poison struct {
	ID       string // the same however often the message is read, and no other's
	Source   string
	Stream   string
	Sequence uint64 // in that stream
	Header   nats.Header
	Body     []byte
	Hint     string // what is wrong with it
}

// readers are the goroutines that read streams.
type readers struct {
	all  sync.WaitGroup
	stop map[ear]context.CancelFunc
}

// keep starts what is wanted and not yet there, and stops what is no longer wanted.
func (r *readers) keep(ctx context.Context, in *Ingress, conn *nats.Conn, wanted map[ear]bool) {
	for e, stop := range r.stop {
		if !wanted[e] {
			stop()
			delete(r.stop, e)
		}
	}
	for e := range wanted {
		if e.Stream == "" || r.stop[e] != nil {
			continue
		}
		reading, stop := context.WithCancel(ctx)
		r.stop[e] = stop
		r.all.Go(func() { in.readStream(reading, conn, e) })
	}
}

// wait stops all of them and returns when they have ended.
func (r *readers) wait() {
	for _, stop := range r.stop {
		stop()
	}
	r.all.Wait()
}

// readStream reads a stream until ctx ends, also one that comes later or goes away
// for a while.
func (in *Ingress) readStream(ctx context.Context, conn *nats.Conn, e ear) {
	for {
		err := in.consume(ctx, conn, e)
		if ctx.Err() != nil {
			return
		}
		in.refused.Warn().Err(err).Str("source", e.source).Str("stream", e.Stream).Dur("again_in", streamRetry).Msg("stream not read")
		select {
		case <-ctx.Done():
			return
		case <-time.After(streamRetry):
		}
	}
}

// consume takes messages one by one, in the order of the stream but for those that
// had to be given back. Each is acknowledged after the journal has it; what comes twice is one event.
func (in *Ingress) consume(ctx context.Context, conn *nats.Conn, e ear) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, e.Stream, jetstream.ConsumerConfig{
		Durable: e.Durable, FilterSubject: e.Subject.Subject, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: streamAckWait, MaxAckPending: streamPending, MaxDeliver: -1,
		Description: "events for the Qlik gateway, source " + e.source,
	})
	if err != nil {
		return fmt.Errorf("make durable consumer %s of stream %s: %w", e.Durable, e.Stream, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(streamPending))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", e.Stream, err)
	}
	defer handBack(messages)
	draining := context.AfterFunc(ctx, messages.Drain)
	defer draining()
	for {
		msg, err := messages.Next()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", e.Stream, err)
		}
		if err := in.take(ctx, e, msg); err != nil {
			return errors.Join(err, msg.Nak())
		}
	}
}

// handBack gives the messages that were fetched and not begun back to the stream at
// once, so that whoever reads it next does not wait for them.
func handBack(messages jetstream.MessagesContext) {
	messages.Drain()
	for {
		msg, err := messages.Next()
		if err != nil {
			return
		}
		_ = msg.Nak() // it comes again anyway, only later
	}
}

// take carries one message of a stream to the journal or, when it can never get
// there, to the dead letters. An error leaves it in the stream.
func (in *Ingress) take(ctx context.Context, e ear, msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return fmt.Errorf("read message of stream %s: %w", e.Stream, err)
	}
	d := delivery{via: "stream", source: e.source, from: msg.Subject(), began: time.Now(), bytes: len(msg.Data())}
	defer func() { in.record(&d) }()
	m := message{
		header: headers(msg.Headers()), body: msg.Data(), subject: msg.Subject(), arrived: meta.Timestamp,
		id: identity(e, meta),
	}
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		live, s := in.source(e.source)
		if s == nil {
			d.end(nil, refusef(Unknown, "source %s is no longer configured", e.source))
			return d.refusal
		}
		var answers []Answer
		var arrivalErr error
		if int64(len(m.body)) > in.config.MaxBody {
			arrivalErr = in.tooLarge()
		} else if arrivals, err := s.read(m); err != nil {
			arrivalErr = err
		} else {
			answers, arrivalErr = in.admit(ctx, live, s, arrivals, d.began)
		}
		d.end(answers, arrivalErr)
		if arrivalErr == nil {
			return msg.Ack()
		}
		if !waits(d.result) {
			return in.bury(ctx, e, msg, meta, d.refusal)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(patienceWait):
		}
		if err := msg.InProgress(); err != nil {
			return fmt.Errorf("keep message of stream %s: %w", e.Stream, err)
		}
		d.refusal = nil
	}
}

// identity tells a message of a stream from every other one: a stream that is made anew
// numbers its messages from 1 again.
func identity(e ear, meta *jetstream.MsgMetadata) string {
	return fmt.Sprintf("%s/%d/%d", e.Stream, meta.Sequence.Stream, meta.Timestamp.UnixNano())
}

// waits reports whether a message of a stream stays there until a refusal passes.
func waits(result Result) bool {
	return result.retryAfter() > 0 || result.Status() >= http.StatusInternalServerError
}

// bury takes a message out of its stream once it is among the dead letters.
func (in *Ingress) bury(ctx context.Context, e ear, msg jetstream.Msg, meta *jetstream.MsgMetadata, why error) error {
	if in.config.Bury == nil {
		return errors.New("bury message: no dead letters are configured")
	}
	poison := Poison{
		ID: identity(e, meta), Source: e.source, Stream: e.Stream, Sequence: meta.Sequence.Stream, Body: msg.Data(),
		Header: nats.Header(headers(msg.Headers())), Hint: fmt.Sprintf("message %d of stream %s: %s", meta.Sequence.Stream, e.Stream, why),
	}
	if err := in.config.Bury(ctx, poison); err != nil {
		return fmt.Errorf("bury message of stream %s: %w", e.Stream, err)
	}
	return msg.TermWithReason("kept among the gateway's dead letters")
}
