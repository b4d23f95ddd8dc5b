package bridge

import (
	"context"
	"time"
)

// How the journal is kept small.
const (
	sweepEvery = time.Minute
	sweepKeep  = 25 * time.Hour // longer than the broker knows an event's id, so that no duplicate is let in
)

// Needs returns the journal sequence from which on events are still needed: all
// below it are admitted, and no open run has to read them again.
func (s *Scheduler) Needs() uint64 {
	needed := s.cursor + 1
	var room Run
	for _, t := range s.tasks {
		back := t.lend(&room)
		if !t.run().State.Ended() && t.run().needs() {
			needed = min(needed, t.run().reads())
		}
		back()
	}
	return needed
}

// sweep takes the tenant's events that are done with off the journal, beside the loop.
func (t *term) sweep(work context.Context) {
	below := min(t.saved+1, t.scheduler.Needs())
	t.calls.Go(func() {
		if err := t.d.cfg.Journal.Sweep(work, t.d.cfg.Tenant, below, sweepKeep); err != nil && work.Err() == nil {
			t.log.Warn().Err(err).Str("hop", "sweep").Msg("the journal was not swept")
		}
	})
}
