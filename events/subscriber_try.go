package events

import (
	"context"
	"errors"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"
)

// An attempt is one try to deliver an outcome, or several in one batch.
type attempt struct {
	answer
	picks    []pick
	asked    [][]uint64 // sequences of the outcomes of each pick
	sent     []int      // of each pick, so many are in the delivery
	events   int        // in the delivery
	sequence uint64     // of the first
	number   int        // of tries so far
	id, kind string     // of the event; of a batch, made of its events' ids and nothing
	trace    string     // its traceparent
	run      string     // that it is about
	began    time.Time
	took     time.Duration
	report   func(error) // to the breaker
	broken   error       // the broker could not be read
}

// start begins a try. Its end comes back on t.tried.
func (t *tenure) start(ctx context.Context, picks []pick, report func(error)) {
	first := picks[0].lane
	a := attempt{picks: picks, sent: make([]int, len(picks)), sequence: first.waiting[0], number: first.attempts, report: report}
	for _, p := range picks {
		a.asked = append(a.asked, append([]uint64(nil), p.lane.waiting[:p.n]...))
	}
	validated := t.state.Validated || !t.to.asked()
	t.flying++
	go func() {
		t.try(ctx, &a, validated)
		t.tried <- a
	}()
}

// try reads the outcomes and delivers them, once the subscriber said that it wants
// any.
func (t *tenure) try(ctx context.Context, a *attempt, validated bool) {
	a.began = time.Now()
	defer func() { a.took = time.Since(a.began) }()
	bodies, event := t.gatherUp(ctx, a)
	if len(bodies) == 0 {
		return
	}
	a.events, a.id, a.kind = len(bodies), event.ID(), event.Type()
	a.trace, a.run = extension(event, "traceparent"), extension(event, "correlationid")
	var agreed *consent
	if !validated {
		if a.answer = t.courier.ask(ctx); a.reason != "" {
			return
		}
		agreed = a.consent
	}
	if t.to.Mode == ModeBatch {
		a.answer = t.courier.deliverBatch(ctx, a.id, bodies)
	} else {
		a.answer = t.courier.deliver(ctx, event, bodies[0])
	}
	a.consent = agreed
}

// gatherUp reads the outcomes of an attempt, as many as fit one delivery, and returns
// each as one JSON object, with the first of them. There are none when the first
// cannot be read; then the attempt says why.
func (t *tenure) gatherUp(ctx context.Context, a *attempt) (bodies [][]byte, first cloudevents.Event) {
	size := 0
	var ids []string
	for i, sequences := range a.asked {
		for _, sequence := range sequences {
			msg, err := t.held(ctx, sequence)
			var event cloudevents.Event
			var body []byte
			if err == nil {
				event, body, err = ReadOutcome(msg.Header, msg.Data)
			}
			if err != nil && len(bodies) == 0 {
				a.unreadable(msg, err)
				return nil, event
			}
			if err != nil {
				break // of this lane, no more: the next try begins with it
			}
			if size += len(body); size > largestDelivery && len(bodies) > 0 {
				return bodies, named(first, ids)
			}
			if len(bodies) == 0 {
				first = event
			}
			bodies, ids, a.sent[i] = append(bodies, body), append(ids, event.ID()), a.sent[i]+1
		}
	}
	return bodies, named(first, ids)
}

// named gives a delivery of several events an id that is the same when it is tried
// again with the same events.
func named(event cloudevents.Event, ids []string) cloudevents.Event {
	if len(ids) > 1 {
		event.SetID("batch/" + digest(ids...))
		event.SetType("batch")
	}
	return event
}

// held reads an outcome that was told. One question is enough but where it is not found.
func (t *tenure) held(ctx context.Context, sequence uint64) (*jetstream.RawStreamMsg, error) {
	msg, err := t.stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return held(ctx, t.cfg.States.js, t.cfg.States.stream, sequence)
	}
	return msg, err
}

// unreadable says why the first outcome of an attempt is not delivered.
func (a *attempt) unreadable(msg *jetstream.RawStreamMsg, err error) {
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		a.reason = ReasonExpired
	case msg == nil:
		a.broken = classify("read outcome", err)
	default:
		a.reason, a.err = ReasonUndecodable, err
	}
}

// settle takes in how a try ended.
func (t *tenure) settle(ctx context.Context, a attempt) error {
	t.flying--
	t.dirty = true
	if a.consent != nil {
		t.state.Validated, t.state.PerMinute = true, a.consent.perMinute
	}
	var err error
	var again time.Duration
	switch {
	case a.broken != nil:
		a.report(errNoAnswer)
		t.release(a, time.Time{})
		return a.broken
	case a.reason == ReasonExpired:
		a.report(errNoAnswer)
		t.queue.done(a.picks[0].lane, 1)
		a.picks, a.sent = a.picks[1:], a.sent[1:]
		t.release(a, time.Time{})
		return t.expired(ctx, a.sequence)
	case a.reason == ReasonShutdown:
		a.report(errNoAnswer)
		t.release(a, time.Time{})
	case a.reason == "":
		a.report(nil)
		t.delivered(a)
	case a.dislikesThis() && a.events > 1:
		a.report(nil)
		t.batch = (a.events + 1) / 2 // until the one that it dislikes is alone
		t.release(a, time.Time{})
	default:
		if a.dislikesThis() {
			a.report(nil)
		} else {
			a.report(a.err)
		}
		again = max(t.backoff(a.number), a.retryAfter)
		t.release(a, time.Now().Add(again))
		if a.retryAfter > 0 {
			t.notBefore = later(t.notBefore, time.Now().Add(a.retryAfter))
		}
		err = t.failed(ctx, a)
	}
	t.note(a, again)
	return err
}

// delivered takes what was delivered out of the queue.
func (t *tenure) delivered(a attempt) {
	for i, p := range a.picks {
		if a.sent[i] == 0 {
			t.queue.giveBack(p.lane)
			continue
		}
		t.queue.done(p.lane, a.sent[i])
	}
	t.batch = min(2*t.batch, t.to.Batch)
	t.state.succeeded()
}

// release puts what was tried off to a time; what was not tried is due.
func (t *tenure) release(a attempt, due time.Time) {
	for i, p := range a.picks {
		if a.sent[i] == 0 && a.events > 0 {
			t.queue.giveBack(p.lane)
			continue
		}
		t.queue.again(p.lane, due)
	}
}
