package bridge

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// TestWriteWaitsForNothingButMoreEvents holds which writes to the ledger wait: only
// those of admitted events that let nothing be called yet, and only for a moment.
func TestWriteWaitsForNothingButMoreEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		fresh := func(admitted int) *term {
			s := NewScheduler(Names{Tenant: "acme"}, DefaultLimits(), Senses{Jitter: func() float64 { return 0 }, Clock: func(at time.Time) time.Time { return at }}, now, Snapshot{})
			for n := range admitted {
				sequence := uint64(n + 1)
				s.Admit(now, Cause{Sequence: sequence, Time: now}, rules.Plan{Tenant: "acme", Rule: "refresh", Gather: rules.Gather{None: true}, Steps: []rules.Step{{Action: rules.Reload}}})
			}
			return &term{scheduler: s}
		}
		for _, c := range []struct {
			what     string
			admitted int
			make     func(*term)
			commands []Command
			waits    time.Duration
		}{
			{what: "nothing is admitted", make: func(*term) {}},
			{what: "events are admitted", admitted: 3, make: func(t *term) { t.unwritten = now }, waits: admitFor},
			{what: "events were admitted long ago", admitted: 3, make: func(t *term) { t.unwritten = now.Add(-admitFor) }},
			{what: "pushes come", admitted: 3, make: func(t *term) { t.unwritten, t.pushed = now, now }, waits: admitForPushed},
			{what: "there is something to call", admitted: 3, make: func(t *term) { t.unwritten = now }, commands: []Command{{Kind: KindCall}}},
			{what: "there is more to write", admitted: 3, make: func(t *term) { t.unwritten, t.urgent = now, true }},
			{what: "it fills a write", admitted: mostTouched, make: func(t *term) { t.unwritten = now }},
		} {
			term := fresh(c.admitted)
			c.make(term)
			until := term.mayWait(c.commands)
			if waits := until.Sub(now); until.IsZero() != (c.waits == 0) || c.waits > 0 && waits != c.waits {
				t.Errorf("%s: the write waits until %s, want %s from now", c.what, until, c.waits)
			}
			if until.IsZero() && (term.urgent || !term.unwritten.IsZero()) {
				t.Errorf("%s: it is written, and counts as unwritten", c.what)
			}
		}
	})
}
