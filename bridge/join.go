package bridge

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// take notes which parts of its join the newest cause of a run is.
func (r *Run) take(cause Cause, join *rules.Join) {
	if join == nil {
		return
	}
	r.Parts = maps.Clone(r.Parts) // commands under way have the one before
	if r.Parts == nil {
		r.Parts = map[string]uint64{}
	}
	for _, part := range join.Is {
		r.Parts[part] = cause.Sequence
	}
}

// Missing returns the parts of the run's join that have not come, in the order of
// the alphabet; none when it has no join.
func (r *Run) Missing() []string {
	if r.Plan.Join == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Plan.Join.Parts), func(part string) bool { return r.Parts[part] != 0 })
}

// short says whether the run's join lacks more parts than it can go without.
func (r *Run) short() bool {
	join := r.Plan.Join
	return join != nil && len(join.Parts)-len(r.Missing()) < join.Need
}

// joinDue is when the run's join goes or expires with what is there: at once when
// that is enough.
func (r *Run) joinDue() time.Time {
	if r.short() {
		return r.Opened.Add(r.Plan.Join.Within)
	}
	return r.Opened
}

// lapses says whether the run's join expires at joinDue, should nothing come.
func (r *Run) lapses() bool {
	waits := r.State == RunGathering || r.State == RunReady
	return waits && r.short() && !r.Plan.Join.Go && r.Stopping == ""
}

// joinVerdict says why a join expired.
func joinVerdict(run *Run) Verdict {
	return Verdict{
		Reason: events.ReasonJoinExpired,
		Text:   strings.Join(run.Missing(), ", ") + " did not come within " + run.Plan.Join.Within.String(),
	}
}

// lapse ends a run whose join is short at its end, by the journal's clock: a part
// that the journal may hold already is waited for. It says whether it did.
func (s *Scheduler) lapse(t *task, now time.Time) bool {
	if !s.caughtUp || !t.run().lapses() || s.due(t, now).After(now) {
		return false
	}
	s.end(t, joinVerdict(t.run()), now)
	return true
}

// late ends the run that an event would have joined, had it come in time, whenever
// it is read. It says whether it did.
func (s *Scheduler) late(t *task, cause Cause, now time.Time) bool {
	if t == nil || !t.run().lapses() || cause.Time.Before(t.run().joinDue()) {
		return false
	}
	s.end(t, joinVerdict(t.run()), now)
	return true
}

// end expires a run that has called nothing.
func (s *Scheduler) end(t *task, verdict Verdict, now time.Time) {
	step := &t.run().Steps[t.run().current()]
	s.moveStep(step, StepCanceled)
	step.Reason, step.Ended = verdict.Reason, now
	s.finish(t, RunExpired, verdict, now)
	s.consider(t, now)
}

// unbound says whether the arguments of the run's join are still to be made of its
// events: all that can be are made at once, so that the run knows its lanes. Those of
// the steps for its end are made one after the other: parts may be missing by then.
func (r *Run) unbound() bool {
	return r.Plan.Join != nil && !r.Bound && r.needs() && r.Fate.State == ""
}

// joined returns the events of the run's join that a command of a kind looks at;
// nil when it looks at none.
func (r *Run) joined(kind Kind) map[string]uint64 {
	if r.Plan.Join == nil || kind != KindResolve {
		return nil
	}
	return r.Parts
}

// reads returns the oldest journal sequence that the run may have to read again.
func (r *Run) reads() uint64 {
	oldest := r.Causes.Last
	if r.Plan.Join != nil {
		for _, sequence := range r.Parts {
			oldest = min(oldest, sequence)
		}
	}
	return oldest
}

// resolveJoin makes the arguments of a join's steps of its events.
func (w *worker) resolveJoin(ctx context.Context, report *Report) Verdict {
	command := report.Command
	views := map[string]rules.Event{}
	for part, sequence := range command.Parts {
		entry, err := w.entry(ctx, sequence)
		if err != nil {
			return Verdict{Kind: VerdictAgain, Reason: events.ReasonTransport, Text: "read part " + part + ": " + err.Error()}
		}
		views[part] = entry.View()
	}
	var err error
	if report.Steps, err = rules.ResolveParts(command.Steps, views, command.Results); err != nil {
		return Verdict{Kind: VerdictFail, Reason: events.ReasonBadArgument, Text: err.Error()}
	}
	return Verdict{Kind: VerdictDone}
}
