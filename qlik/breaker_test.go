package qlik_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A bench is a breaker with a tenant behind it that fails as it is told.
type bench struct {
	*qlik.Breaker
	probe   error // what the probe gets
	probes  int
	changes []string
}

func newBench() *bench {
	b := &bench{}
	b.Breaker = qlik.NewBreaker(qlik.BreakerConfig{
		Probe: func(context.Context) error {
			b.probes++
			return b.probe
		},
		OnChange: func(from, to qlik.State) {
			b.changes = append(b.changes, fmt.Sprintf("%s>%s", from, to))
			b.State() // which it may do
		},
	})
	return b
}

// fail makes calls that fail in the same way.
func (b *bench) fail(t *testing.T, times int, err error) {
	for range times {
		if got := b.Do(t.Context(), func(context.Context) error { return err }); !errors.Is(got, err) {
			t.Errorf("got %v, want %v", got, err)
		}
	}
}

func TestBreakerOpensAfterFiveFailuresAndClosesByProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, down := newBench(), error(&qlik.Error{Status: 503})
		b.probe = down
		b.fail(t, 4, down)
		if b.State() != qlik.StateClosed || b.probes != 0 || !b.ProbeAt().IsZero() {
			t.Fatalf("after four: %s, %d probes", b.State(), b.probes)
		}
		b.fail(t, 1, down)
		if b.State() != qlik.StateOpen || b.probes != 1 || !b.ProbeAt().Equal(time.Now().Add(30*time.Second)) {
			t.Fatalf("after five: %s, %d probes, next at %v", b.State(), b.probes, b.ProbeAt())
		}
		called := false
		err := b.Do(t.Context(), func(context.Context) error { called = true; return nil })
		if !errors.Is(err, qlik.ErrOpen) || called || !errors.Is(b.Probe(t.Context()), qlik.ErrOpen) {
			t.Errorf("open: %v, called %t", err, called)
		}
		<-time.After(30*time.Second + 1)
		if b.State() != qlik.StateHalfOpen || !errors.Is(b.Do(t.Context(), func(context.Context) error { called = true; return nil }), qlik.ErrOpen) || called {
			t.Errorf("half open: %s, called %t", b.State(), called)
		}
		if err := b.Probe(t.Context()); !errors.Is(err, down) || b.State() != qlik.StateOpen {
			t.Errorf("a probe that fails: %v, %s", err, b.State())
		}
		<-time.After(30*time.Second + 1)
		b.probe = nil
		if err := b.Probe(t.Context()); err != nil || b.State() != qlik.StateClosed || !b.ProbeAt().IsZero() {
			t.Errorf("a probe that works: %v, %s", err, b.State())
		}
		want := "[closed>open open>half_open half_open>open open>half_open half_open>closed]"
		if fmt.Sprint(b.changes) != want {
			t.Errorf("told %v", b.changes)
		}
	})
}

func TestProbeThatWorksSparesTheTenant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.fail(t, 20, &qlik.Error{Status: 500})
		if b.State() != qlik.StateClosed || b.probes != 16 {
			t.Errorf("one app that is broken: %s after %d probes", b.State(), b.probes)
		}
	})
}

func TestFailuresAtTheSameTimeShareOneProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		probes := 0
		b := qlik.NewBreaker(qlik.BreakerConfig{Probe: func(context.Context) error {
			probes++
			<-time.After(time.Second)
			return nil
		}})
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				_ = b.Do(t.Context(), func(context.Context) error {
					<-time.After(time.Second)
					return &qlik.Error{Status: 500}
				})
			})
		}
		callers.Wait()
		if b.State() != qlik.StateClosed || probes != 1 {
			t.Errorf("one app that is broken, 20 calls at once: %s after %d probes", b.State(), probes)
		}
	})
}

func TestProbeOfACallThatIsGivenUpIsNotAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := qlik.NewBreaker(qlik.BreakerConfig{Failures: 1, Probe: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(time.Second, cancel)
		_ = b.Do(ctx, func(context.Context) error { return &qlik.Error{Status: 500} })
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		synctest.Wait()
		<-time.After(time.Minute)
	})
}

func TestProbeIsAskedEvenWhenTheCallHasNoTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.fail(t, 4, &qlik.Error{Status: 500})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := b.Do(ctx, func(ctx context.Context) error {
			<-ctx.Done()
			return &qlik.Error{Err: ctx.Err()}
		})
		if !errors.Is(err, context.DeadlineExceeded) || b.probes != 1 || b.State() != qlik.StateClosed {
			t.Errorf("got %v, %d probes, %s", err, b.probes, b.State())
		}
	})
}

func TestFailuresAreForgottenAfterTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, down := newBench(), error(&qlik.Error{Status: 503})
		b.probe = down
		for range 20 {
			b.fail(t, 1, down)
			<-time.After(9 * time.Second)
		}
		if b.State() != qlik.StateClosed {
			t.Errorf("one failure each nine seconds: %s", b.State())
		}
		<-time.After(time.Minute)
		b.fail(t, 5, down)
		if b.State() != qlik.StateOpen {
			t.Errorf("five at once: %s", b.State())
		}
	})
}

func TestOnlyIllnessOfTheTenantCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		opens bool
	}{
		{&qlik.Error{Status: 500}, true}, {&qlik.Error{Status: 503}, true}, {&qlik.Error{Err: errors.New("reset"), Sent: true}, true},
		{&qlik.Error{Err: context.DeadlineExceeded}, true}, {context.DeadlineExceeded, true},
		{&qlik.Error{Status: 400}, false}, {&qlik.Error{Status: 401}, false}, {&qlik.Error{Status: 403}, false}, {&qlik.Error{Status: 404}, false},
		{&qlik.Error{Status: 429, Code: qlik.CodeRateLimit}, false}, {&qlik.Error{Status: 429, Code: qlik.CodePending}, false},
		{&qlik.Error{Err: context.Canceled}, false}, {&qlik.Error{Err: qlik.ErrInvalid}, false}, {errors.New("own mistake"), false},
	} {
		b := newBench()
		b.probe = &qlik.Error{Status: 503}
		b.fail(t, 6-1, c.err)
		if opened := b.State() == qlik.StateOpen; opened != c.opens {
			t.Errorf("%v: opened %t", c.err, opened)
		}
	}
}

func TestBreakerWithoutProbeClosesByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := qlik.NewBreaker(qlik.BreakerConfig{Failures: 1, Open: time.Second})
		_ = b.Do(t.Context(), func(context.Context) error { return &qlik.Error{Status: 503} })
		if b.State() != qlik.StateOpen {
			t.Fatalf("after a failure: %s", b.State())
		}
		<-time.After(time.Second + 1)
		if err := b.Probe(t.Context()); err != nil || b.State() != qlik.StateClosed {
			t.Errorf("after its time: %v, %s", err, b.State())
		}
	})
}
