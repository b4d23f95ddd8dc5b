package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/sony/gobreaker/v2"
)

// begin loads how far the subscription has come.
func (s *Subscriber) begin(ctx context.Context) (*tenure, error) {
	t := &tenure{
		Subscriber: s, queue: newQueue(), batch: s.to.Batch, told: make(chan stored), tried: make(chan attempt, s.to.Concurrency),
	}
	t.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       s.cfg.Pace.Open,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= s.cfg.Pace.Failures },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNoAnswer) },
		OnStateChange: func(_ string, from, to gobreaker.State) { t.broke(from, to) },
	})
	err := s.cfg.States.Begin(ctx, s.to.Name)
	if err != nil {
		return nil, err
	}
	if t.state, t.revision, err = s.cfg.States.load(ctx, s.to.Name); err != nil {
		return nil, err
	}
	if t.stream, err = s.cfg.States.look(ctx); err != nil {
		return nil, err
	}
	first, last := t.stream.CachedInfo().State.FirstSeq, t.stream.CachedInfo().State.LastSeq
	t.refresh(last)
	if err := t.requeue(ctx, first); err != nil {
		return nil, err
	}
	if first > t.state.Next {
		if err := t.gap(ctx, t.state.Next, first-1, first-t.state.Next); err != nil {
			return nil, err
		}
		t.state.Next = first
	}
	t.dirty = true
	return t, t.save(ctx)
}

// refresh brings the state up to the configuration and the stream as they are now.
func (t *tenure) refresh(last uint64) {
	sum := sha256.Sum256([]byte(t.to.URL))
	if address := hex.EncodeToString(sum[:]); t.state.Address != address {
		t.state.Address, t.state.Validated, t.state.PerMinute = address, false, 0
		t.state.enable() // what was disabled was another address
	}
	if t.state.Next > last+1 {
		t.log.Warn().Str("hop", "deliver").Uint64("next", t.state.Next).Uint64("last", last).Msg("the stream of outcomes was made anew: beginning with its first")
		t.state.Next, t.state.Waiting = 1, nil
	}
	if !t.state.FailingSince.IsZero() { // the time in which nobody tried does not count
		t.state.FailingSince = t.state.FailingSince.Add(time.Since(t.state.Saved))
	}
}

// requeue puts what waited into its lanes again.
func (t *tenure) requeue(ctx context.Context, first uint64) error {
	gone, _ := slices.BinarySearch(t.state.Waiting, first)
	if gone > 0 {
		if err := t.gap(ctx, t.state.Waiting[0], t.state.Waiting[gone-1], uint64(gone)); err != nil {
			return err
		}
	}
	for _, sequence := range t.state.Waiting[gone:] {
		msg, err := t.held(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			if err := t.gap(ctx, sequence, sequence, 1); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return classify("read outcome", err)
		}
		t.queue.add(laneOf(msg.Subject), sequence)
	}
	return nil
}
