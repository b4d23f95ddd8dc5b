package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/sony/gobreaker/v2"
)

// saveWithin bounds one write of a subscription's state.
const saveWithin = 5 * time.Second

// A tenure is the time in which one replica works for a subscription. All of it is
// in one goroutine but the tries to deliver.
type tenure struct {
	*Subscriber
	state    SubscriptionState
	revision uint64
	dirty    bool
	saved    time.Time

	queue     *queue
	stream    jetstream.Stream
	told      chan stored  // outcomes as they are published
	tried     chan attempt // ends of tries
	flying    int          // tries under way
	batch     int          // so many outcomes may be in one delivery now
	filling   time.Time    // since then an outcome waits for others
	notBefore time.Time    // the subscriber asked for so much time
	breaker   *gobreaker.TwoStepCircuitBreaker[struct{}]
	openUntil time.Time
}

// work is one tenure. It returns nil when ctx ended, and errTaken when somebody else
// changed the state, so that another tenure begins with it.
func (s *Subscriber) work(ctx context.Context) error {
	changes, err := s.cfg.States.kv.Watch(ctx, stateKey(s.to.Name), jetstream.UpdatesOnly())
	if err != nil {
		return classify("watch subscription "+s.to.Name, err)
	}
	defer changes.Stop() //nolint:errcheck // it ends with ctx as well
	t, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.cfg.Metrics.enabled(s.to.Name, t.state.Disabled == "")
	defer s.cfg.Metrics.away(s.to.Name)
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), context.Canceled) {
			time.AfterFunc(s.cfg.Pace.Drain, stopSending)
			return
		}
		stopSending() // the lease is lost: another replica may be sending already
	})()
	reading, stopReading := context.WithCancelCause(ctx)
	var reader sync.WaitGroup
	if t.state.Disabled == "" {
		reader.Go(func() { stopReading(t.read(reading, t.state.Next)) })
	}
	err = t.loop(reading, sending, changes.Updates())
	stopReading(nil)
	reader.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Pace.Drain)
	defer cancel()
	for err == nil && t.flying > 0 {
		err = t.settle(ending, <-t.tried)
	}
	for ; t.flying > 0; t.flying-- {
		stopSending()
		<-t.tried
	}
	if cause := context.Cause(reading); err == nil && ctx.Err() == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	if !errors.Is(err, errTaken) {
		err = errors.Join(err, t.save(ending))
	}
	return err
}

// read hands outcomes to the loop.
func (t *tenure) read(ctx context.Context, from uint64) error {
	chosen := jetstream.ConsumerConfig{OptStartSeq: from}
	return follow(ctx, t.cfg.States.js, t.cfg.States.stream, chosen, func(msg stored) error {
		select {
		case t.told <- msg:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// loop does what there is to do until ctx ends.
func (t *tenure) loop(ctx, sending context.Context, changes <-chan jetstream.KeyValueEntry) error {
	for {
		told := t.told
		if t.queue.size >= t.cfg.Pace.Waiting || t.state.Disabled != "" {
			told = nil
		}
		var timer <-chan time.Time
		if wake := t.dispatch(sending); !wake.IsZero() {
			timer = time.After(time.Until(wake))
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case change := <-changes:
			if change != nil && change.Revision() > t.revision {
				return fmt.Errorf("%w: %s", errTaken, t.to.Name)
			}
		case msg := <-told:
			err = t.take(ctx, msg)
		case a := <-t.tried:
			err = t.settle(ctx, a)
		case <-timer:
		}
		if err == nil && t.dirty && time.Since(t.saved) >= t.cfg.Pace.Save {
			err = t.save(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// dispatch begins every try that may begin now, and returns when to look again; the
// zero time when only news can change anything.
func (t *tenure) dispatch(sending context.Context) time.Time {
	var saveAt time.Time
	if t.dirty {
		saveAt = t.saved.Add(t.cfg.Pace.Save)
	}
	if t.state.Disabled != "" {
		return saveAt
	}
	limit := t.to.Concurrency
	if t.to.asked() && !t.state.Validated {
		limit = 1
	}
	for t.flying < limit {
		now := time.Now()
		wake, some := t.queue.wake()
		if !some {
			return saveAt
		}
		if wake = later(later(wake, t.notBefore), t.filled(wake, now)); wake.After(now) {
			return sooner(wake, saveAt)
		}
		report, err := t.breaker.Allow()
		if errors.Is(err, gobreaker.ErrOpenState) {
			return sooner(t.openUntil, saveAt)
		}
		if err != nil {
			return saveAt // one delivery is out to try whether it is well again
		}
		t.filling = time.Time{}
		t.start(sending, t.queue.takeSome(now, t.batch), report)
		if t.state.PerMinute > 0 {
			t.notBefore = now.Add(time.Minute / time.Duration(t.state.PerMinute))
		}
	}
	return saveAt
}

// filled returns when the outcomes that wait to be told together need wait for
// others no longer.
func (t *tenure) filled(wake, now time.Time) time.Time {
	if t.to.Mode != ModeBatch || wake.After(now) || t.queue.size >= t.batch {
		return now
	}
	if t.filling.IsZero() {
		t.filling = now
	}
	return t.filling.Add(t.to.BatchWithin)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sooner returns the earlier of two times, of which the second may be none.
func sooner(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// take looks at the next outcome, and queues it when it is wanted.
func (t *tenure) take(ctx context.Context, msg stored) error {
	if msg.sequence > t.state.Next {
		if err := t.gap(ctx, t.state.Next, msg.sequence-1, msg.sequence-t.state.Next); err != nil {
			return err
		}
	}
	t.state.Next, t.dirty = msg.sequence+1, true
	event, _, err := ReadOutcome(msg.header, msg.body)
	if err != nil {
		t.log.Error().Err(err).Str("hop", "deliver").Uint64("sequence", msg.sequence).Msg("an outcome cannot be read")
		return nil
	}
	kind, known := kindNamed(event.Type())
	if known && kind.Progress && !t.to.Progress {
		return nil
	}
	if t.to.When != nil {
		wanted, err := t.to.When.Match(Arrival{Source: "gateway", Event: event}.View())
		if err != nil {
			t.log.Warn().Err(err).Str("hop", "deliver").Str("event_id", event.ID()).Msg("when cannot be evaluated: not delivered")
		}
		if !wanted {
			return nil
		}
	}
	t.queue.add(laneOf(msg.subject), msg.sequence)
	return nil
}

// laneOf returns `<tenant>.<key>` of `...<tenant>.<noun>.<participle>.<key>`.
func laneOf(subject string) string {
	tokens := strings.Split(subject, ".")
	if len(tokens) < 4 {
		return subject
	}
	return tokens[len(tokens)-4] + "." + tokens[len(tokens)-1]
}

// save writes how far the subscription has come. The end of ctx does not cut it
// short: nobody would know whether it was written, and what was delivered would be
// delivered again.
func (t *tenure) save(ctx context.Context) error {
	if !t.dirty {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	t.state.Waiting = t.queue.sequences()
	revision, err := t.cfg.States.save(ctx, t.to.Name, t.state, t.revision)
	if err != nil {
		return err
	}
	t.revision, t.dirty, t.saved = revision, false, time.Now()
	t.cfg.Metrics.waiting(t.to.Name, t.queue.size)
	return nil
}
