package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// replyPrefix is where answers may go: a publisher chooses its reply subject,
	// and must not be able to have the gateway publish somewhere else for it.
	replyPrefix = "_INBOX."

	// patience is how long a message that nobody waits for is tried again while the
	// journal does not answer; its sender would never learn that it was lost.
	patience     = 30 * time.Second
	patienceWait = 250 * time.Millisecond

	drainTimeout = 10 * time.Second
)

// An ear is one source's subscription.
type ear struct {
	source string
	Subject
}

// Listen subscribes the subjects of all sources on a connection for senders, and
// keeps the subscriptions as Set changes the sources. When the context ends it
// finishes the messages in hand, for at most ten seconds, and returns nil. It
// returns an error when the connection takes no subscription.
func (in *Ingress) Listen(ctx context.Context, conn *nats.Conn) error {
	held, streams := map[ear]*nats.Subscription{}, &readers{stop: map[ear]context.CancelFunc{}}
	defer in.waiting.over.Wait()
	defer streams.wait()
	defer func() { drain(held) }()
	for {
		wanted := in.wanted()
		streams.keep(ctx, in, conn, wanted)
		if err := in.subscribe(ctx, conn, held, wanted); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-in.changed:
		}
	}
}

// wanted are the subscriptions that the sources ask for.
func (in *Ingress) wanted() map[ear]bool {
	wanted := map[ear]bool{}
	if live := in.live.Load(); live != nil && live.Sources != nil {
		for _, s := range live.Sources.listening() {
			wanted[ear{s.name, *s.nats}] = true
		}
	}
	return wanted
}

// subscribe makes the subscriptions held those that are wanted of plain subjects.
func (in *Ingress) subscribe(ctx context.Context, conn *nats.Conn, held map[ear]*nats.Subscription, wanted map[ear]bool) error {
	for e := range wanted {
		if held[e] != nil || e.Stream != "" {
			continue
		}
		subscription, err := conn.QueueSubscribe(e.Subject.Subject, e.Queue, func(msg *nats.Msg) { in.hear(ctx, e, msg) })
		if err != nil {
			return fmt.Errorf("subscribe %s for source %s: %w", e.Subject.Subject, e.source, err)
		}
		held[e] = subscription
	}
	gone := map[ear]*nats.Subscription{}
	for e, subscription := range held {
		if !wanted[e] {
			gone[e] = subscription
			delete(held, e)
		}
	}
	drain(gone)
	return nil
}

// drain ends subscriptions when the messages they hold are done with, in bounded time.
func drain(subscriptions map[ear]*nats.Subscription) {
	var closing []<-chan struct{}
	for _, subscription := range subscriptions {
		closed := make(chan struct{})
		subscription.SetClosedHandler(func(string) { close(closed) })
		if subscription.Drain() == nil { // else the connection is gone, and its messages with it
			closing = append(closing, closed)
		}
	}
	timeout := time.After(drainTimeout)
	for _, closed := range closing {
		select {
		case <-closed:
		case <-timeout:
			return
		}
	}
}

// hear carries one message from the subscription to its answer.
func (in *Ingress) hear(ctx context.Context, e ear, msg *nats.Msg) {
	d := delivery{via: "nats", source: e.source, from: msg.Subject, began: time.Now(), bytes: len(msg.Data)}
	defer func() {
		if cause := recover(); cause != nil {
			in.config.Log.Error().Str("source", d.source).Bytes("stack", debug.Stack()).Msgf("panic: %v", cause)
			d.end(nil, errors.New("a panic, logged with its stack"))
		}
		in.awaitNATS(ctx, &d, msg, func() {
			in.record(&d)
			in.respond(&d, msg)
		})
	}()
	live, s := in.source(e.source)
	if s == nil || s.nats == nil {
		d.source = noSource
		d.end(nil, refusef(Unknown, "source %s no longer listens on NATS", e.source))
		return
	}
	if int64(len(msg.Data)) > in.config.MaxBody {
		d.end(nil, in.tooLarge())
		return
	}
	if wait, err := waitOf(msg.Header.Get(headerWait)); err != nil && msg.Reply != "" {
		d.end(nil, err)
		return
	} else {
		d.wait = wait
	}
	m := message{header: headers(msg.Header), body: msg.Data, subject: msg.Subject, arrived: d.began}
	arrivals, err := s.read(m)
	if err != nil {
		d.end(nil, err)
		return
	}
	d.batch = s.several(m)
	for {
		answers, err := in.admit(ctx, live, s, arrivals, d.began)
		if err == nil || msg.Reply != "" || !passing(err) || time.Since(d.began) > patience || ctx.Err() != nil {
			d.end(answers, err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(patienceWait):
		}
	}
}

// passing reports whether waiting may help against a refusal.
func passing(err error) bool {
	return refusalOf(err).result.retryAfter() > 0
}

// headers returns a message's headers with their names as HTTP writes them,
// without those that steer a NATS server.
func headers(from nats.Header) http.Header {
	to := http.Header{}
	for name, values := range from {
		if controlHeader(name) {
			continue
		}
		for _, value := range values {
			to.Add(name, value)
		}
	}
	return to
}

// respond answers a request in the words of HTTP.
func (in *Ingress) respond(d *delivery, msg *nats.Msg) {
	if !strings.HasPrefix(msg.Reply, replyPrefix) {
		return
	}
	body, err := json.Marshal(d.answer(msg.Subject))
	if err == nil {
		reply := nats.NewMsg(msg.Reply)
		reply.Data = body
		reply.Header.Set("Content-Type", d.mediaType())
		err = msg.RespondMsg(reply)
	}
	if err != nil {
		in.refused.Warn().Err(err).Str("source", d.source).Msg("answer not sent")
	}
}
