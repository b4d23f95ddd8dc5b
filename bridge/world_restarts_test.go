package bridge

import (
	"slices"
	"time"
)

// runOf returns a run that the ledger holds or held; nil when there is none.
func (w *world) runOf(id string) *Run {
	if run := w.active[id]; run != nil {
		return run
	}
	return w.recent[id]
}

// restarts says whether a reload has ended so that its step may be started again.
func (w *world) restarts(r *tenantReload, at time.Time) bool {
	run := w.runOf(r.run)
	return run != nil && !at.Before(r.ends) && slices.Contains(run.Plan.Retry.On, string(r.how))
}

// triedOften holds I6 for reloads: a step has no more of them than its policy allows.
func (w *world) triedOften(last *tenantReload) {
	run := w.runOf(last.run)
	if run == nil || w.retried(last.run) || !w.restored.At.IsZero() {
		return
	}
	n := 0
	for _, r := range w.tenant.reloads {
		if r.owner == last.owner {
			n++
		}
	}
	if n > run.Plan.Retry.Attempts {
		w.violated("I6", "step %s has %d reloads, its policy allows %d", last.owner, n, run.Plan.Retry.Attempts)
	}
}

// restarted counts the step's reloads that ended badly and were started again.
func (s *StepRecord) restarted() int {
	n := 0
	for _, attempt := range s.Attempts {
		if attempt.ReloadID != "" && attempt.ReloadID != s.Result.ReloadID {
			n++
		}
	}
	return n
}
