package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	warnings      = 2 // before a subscription is disabled, at even intervals
	leastFailures = 5 // that disable it, however long it took
	jitter        = 2 // a wait is between a half of its length and all of it
)

// errNoAnswer marks tries that say nothing about the subscriber's health.
var errNoAnswer = errors.New("the subscriber was not asked")

// dislikesThis reports whether the answer is about this outcome and not about the
// subscriber's health.
func (a attempt) dislikesThis() bool {
	return a.reason == ReasonUndecodable || slices.Contains([]int{
		http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
	}, a.status)
}

// backoff returns the wait after so many tries: it doubles, with jitter.
func (t *tenure) backoff(attempts int) time.Duration {
	wait := t.cfg.Pace.Cap
	if shift := attempts - 1; shift < 32 && t.cfg.Pace.Base<<shift > 0 {
		wait = min(wait, t.cfg.Pace.Base<<shift)
	}
	return wait/jitter + rand.N(wait/jitter+1)
}

// failed counts a failure, and warns or disables the subscription when it has gone
// on for long.
func (t *tenure) failed(ctx context.Context, a attempt) error {
	now := time.Now()
	t.state.Failures++
	t.state.Error = a.err.Error()
	if t.state.FailingSince.IsZero() {
		t.state.FailingSince = now
	}
	lasted := now.Sub(t.state.FailingSince)
	switch {
	case t.state.Disabled != "":
		return nil
	case a.reason == ReasonGone:
		return t.disable(ctx, ReasonGone)
	case t.state.Warnings < warnings && lasted >= t.to.DisableAfter*time.Duration(t.state.Warnings+1)/(warnings+1):
		data := t.data(a.reason)
		data.DisabledAt = t.state.FailingSince.Add(t.to.DisableAfter)
		if err := t.tell(ctx, TypeSubscriptionWarned, strconv.Itoa(t.state.Warnings+1), data); err != nil {
			return err
		}
		t.state.Warnings++
		return nil
	case lasted >= t.to.DisableAfter && t.state.Failures >= leastFailures: // never without the warnings
		return t.disable(ctx, ReasonFailing)
	}
	return nil
}

// disable stops deliveries until somebody enables the subscription, once that is told.
// Outcomes are kept meanwhile, as long as their stream keeps them.
func (t *tenure) disable(ctx context.Context, reason Reason) error {
	if err := t.tell(ctx, TypeSubscriptionDisabled, "", t.data(reason)); err != nil {
		return err // it is tried, and so told, again
	}
	t.state.Disabled, t.state.DisabledSince = reason, time.Now()
	t.cfg.Metrics.enabled(t.to.Name, false)
	return t.save(ctx)
}

// expired says that outcomes that waited are gone, the one of this sequence among
// them.
func (t *tenure) expired(ctx context.Context, sequence uint64) error {
	stream, err := t.cfg.States.look(ctx)
	if err != nil {
		return err
	}
	gone := append(t.queue.below(stream.CachedInfo().State.FirstSeq), sequence)
	slices.Sort(gone)
	return t.gap(ctx, gone[0], gone[len(gone)-1], uint64(len(gone)))
}

// gap tells that outcomes from one sequence to another are gone undelivered.
func (t *tenure) gap(ctx context.Context, first, last, missing uint64) error {
	data := t.data(ReasonExpired)
	data.First, data.Last, data.Missing = first, last, missing
	t.cfg.Metrics.missed(t.to.Name, missing)
	t.dirty = true
	return t.tell(ctx, TypeSubscriptionGap, fmt.Sprintf("%d-%d", first, last), data)
}

func (t *tenure) data(reason Reason) SubscriptionData {
	return SubscriptionData{
		Subscription: t.to.Name, Host: t.to.host(), Reason: reason,
		Error: t.state.Error, Since: t.state.FailingSince, Failures: t.state.Failures,
	}
}

// tell publishes what happened to the subscription, under an id that is the same
// when it is told again.
func (t *tenure) tell(ctx context.Context, kind, part string, data SubscriptionData) error {
	since := cmp.Or(part, strconv.FormatInt(t.state.FailingSince.UnixMilli(), 10))
	if kind == TypeSubscriptionWarned {
		since = strconv.FormatInt(t.state.FailingSince.UnixMilli(), 10) + "-" + part
	}
	outcome, err := NewOutcome(Head{
		ID: "subscription/" + t.to.Name + "/" + kind[len(TypePrefix+"subscription."):] + "/" + since, Type: kind,
		Subject: "subscriptions/" + t.to.Name, Key: t.to.Name, Time: time.Now(),
	}, data)
	if err != nil {
		return err
	}
	t.log.Warn().Str("hop", "deliver").Str("type", kind).Str("reason", string(data.Reason)).Str("error", data.Error).
		Uint64("missing", data.Missing).Msg("told about the subscription")
	return t.cfg.Publisher.Publish(context.WithoutCancel(ctx), outcome) // bounded by itself
}

// broke is told of the breaker's changes. The breaker's lock is held.
func (t *tenure) broke(from, to gobreaker.State) {
	t.cfg.Metrics.breaker(t.to.Name, to != gobreaker.StateClosed)
	switch to {
	case gobreaker.StateOpen:
		t.openUntil = time.Now().Add(t.cfg.Pace.Open)
	case gobreaker.StateClosed:
		t.queue.hurry() // it is well again: nothing need wait longer
	}
	t.log.Info().Str("hop", "deliver").Str("from", from.String()).Str("to", to.String()).Msg("breaker of the subscription")
}

// note writes the one line about a try.
func (t *tenure) note(a attempt, again time.Duration) {
	t.cfg.Metrics.tried(t.to.Name, a.reason, a.took)
	if t.cfg.Trace != nil && a.trace != "" {
		t.cfg.Trace(Hop{
			Name: HopDeliver, Trace: a.trace, Run: a.run, Began: a.began, Ended: a.began.Add(a.took), Reason: a.reason,
			Event: a.id, Type: a.kind, Subscription: t.to.Name,
		})
	}
	line := t.log.Info()
	if a.reason != "" {
		line = t.log.Warn().Err(a.err).Str("reason", string(a.reason)).Dur("again_in", again)
	}
	line.Str("hop", "deliver").Str("event_id", a.id).Str("type", a.kind).Uint64("sequence", a.sequence).
		Int("attempt", a.number).Int("status", a.status).Dur("took", a.took).Msg("delivery")
}
