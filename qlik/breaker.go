package qlik

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"
)

// ErrOpen is returned by a Breaker that is open. Nothing was called.
var ErrOpen = errors.New("circuit breaker is open")

// A State is what a Breaker lets through.
type State string

// The states.
const (
	StateClosed   State = "closed"    // everything
	StateOpen     State = "open"      // nothing
	StateHalfOpen State = "half_open" // the probe
)

// Defaults of a BreakerConfig.
const (
	DefaultBreakerFailures = 5
	DefaultBreakerOver     = 30 * time.Second
	DefaultBreakerOpen     = 30 * time.Second

	probeTimeout   = 10 * time.Second
	breakerBuckets = 10 // the window moves in steps of a tenth
)

// BreakerConfig says when a Breaker opens, and how it learns that the tenant is
// well again.
type BreakerConfig struct {
	Failures int           // so many failures; default 5
	Over     time.Duration // within so long open it; default 30s
	Open     time.Duration // for so long, until it may be probed; default 30s

	// Probe is one cheap call, such as GetAppsPrivileges. It is asked before
	// the breaker opens and, once it is open, instead of every other call.
	// Without one every failure counts, and the open time alone closes it again.
	Probe func(context.Context) error

	// OnChange is told of each change of state, one at a time and in order. It
	// may use the breaker.
	OnChange func(from, to State)
}

// A Breaker keeps calls from a tenant that does not answer. Only what speaks
// against the tenant's health counts: no connection, no answer in time, 5xx. Any
// other answer, 429 included, shows that the tenant is there.
type Breaker struct {
	cfg BreakerConfig
	cb  *gobreaker.CircuitBreaker[struct{}]

	failing atomic.Int32       // calls that have failed and are not counted yet
	flight  singleflight.Group // of the probe: who asks at the same time shares one

	mu      sync.Mutex
	probeAt time.Time
	changes [][2]State
	telling bool
}

// NewBreaker returns a closed breaker.
func NewBreaker(cfg BreakerConfig) *Breaker {
	if cfg.Failures <= 0 {
		cfg.Failures = DefaultBreakerFailures
	}
	cfg.Over, cfg.Open = orDefault(cfg.Over, DefaultBreakerOver), orDefault(cfg.Open, DefaultBreakerOpen)
	b := &Breaker{cfg: cfg}
	b.cb = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Interval:      cfg.Over,
		BucketPeriod:  cfg.Over / breakerBuckets,
		Timeout:       cfg.Open,
		ReadyToTrip:   func(n gobreaker.Counts) bool { return int(n.TotalFailures) >= cfg.Failures },
		IsSuccessful:  func(err error) bool { return !counts(err) },
		IsExcluded:    func(err error) bool { return errors.As(err, new(spared)) || errors.Is(err, context.Canceled) },
		OnStateChange: b.changed,
	})
	return b
}

// Do makes a call unless the breaker is open, and gives its error, or ErrOpen.
// Before a failure opens the breaker, the probe is asked: if that works, it is
// the call that is broken and not the tenant, and the failure does not count.
func (b *Breaker) Do(ctx context.Context, f func(context.Context) error) error {
	defer b.tell()
	if b.cb.State() != gobreaker.StateClosed {
		return ErrOpen
	}
	failed := false
	_, err := b.cb.Execute(func() (struct{}, error) {
		err := f(ctx)
		if failed = counts(err); failed {
			failing := b.failing.Add(1) // with those that fail at the same time, each may be the one that opens it
			if int(b.cb.Counts().TotalFailures)+int(failing) >= b.cfg.Failures && b.probe(ctx) == nil {
				err = spared{err}
			}
		}
		return struct{}{}, err
	})
	if failed {
		b.failing.Add(-1)
	}
	return outside(err)
}

// Probe makes the one call that a breaker lets through once its open time is
// over. If the tenant answers, the breaker closes; else it stays open for another
// while. It returns ErrOpen when it is too early, and does nothing when closed.
func (b *Breaker) Probe(ctx context.Context) error {
	defer b.tell()
	switch b.cb.State() {
	case gobreaker.StateClosed:
		return nil
	case gobreaker.StateOpen:
		return ErrOpen
	}
	_, err := b.cb.Execute(func() (struct{}, error) {
		if b.cfg.Probe == nil {
			return struct{}{}, nil
		}
		return struct{}{}, b.probe(ctx)
	})
	return outside(err)
}

// State tells what the breaker lets through now.
func (b *Breaker) State() State {
	defer b.tell()
	return stateOf(b.cb.State())
}

// ProbeAt tells when Probe makes sense; it is the zero time while the breaker is
// closed.
func (b *Breaker) ProbeAt() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.probeAt
}

// probe asks the tenant, even when the call before it has used up its time. Only
// when that call is given up does it wait no longer.
func (b *Breaker) probe(ctx context.Context) error {
	if b.cfg.Probe == nil {
		return errors.New("no probe")
	}
	answered := b.flight.DoChan("probe", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		return nil, b.cfg.Probe(ctx)
	})
	var answer singleflight.Result
	select {
	case answer = <-answered:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return fmt.Errorf("probe tenant: %w", ctx.Err())
		}
		answer = <-answered
	}
	if counts(answer.Err) {
		return fmt.Errorf("probe tenant: %w", answer.Err)
	}
	return nil
}

// changed notes a change of state. gobreaker calls it under its lock, so it must
// not use the breaker.
func (b *Breaker) changed(_ string, from, to gobreaker.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch to {
	case gobreaker.StateOpen:
		b.probeAt = time.Now().Add(b.cfg.Open)
	case gobreaker.StateClosed:
		b.probeAt = time.Time{}
	}
	if b.cfg.OnChange != nil {
		b.changes = append(b.changes, [2]State{stateOf(from), stateOf(to)})
	}
}

// tell hands the noted changes to OnChange. Whoever finds another goroutine
// telling leaves them to it, so their order is kept.
func (b *Breaker) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.telling {
		return
	}
	b.telling = true
	for len(b.changes) > 0 {
		change := b.changes[0]
		b.changes = b.changes[1:]
		b.mu.Unlock()
		b.cfg.OnChange(change[0], change[1])
		b.mu.Lock()
	}
	b.telling = false
}

// counts says that an error speaks against the tenant's health.
func counts(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.broken()
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// spared marks the failure of a call that the probe excused.
type spared struct{ error }

func (s spared) Unwrap() error { return s.error }

// outside gives an error of gobreaker in this package's words.
func outside(err error) error {
	var s spared
	switch {
	case errors.As(err, &s):
		return s.error
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return ErrOpen
	}
	return err
}

// stateOf names a state of gobreaker.
func stateOf(s gobreaker.State) State {
	switch s {
	case gobreaker.StateOpen:
		return StateOpen
	case gobreaker.StateHalfOpen:
		return StateHalfOpen
	}
	return StateClosed
}
