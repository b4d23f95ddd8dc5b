package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// restore takes a run from the ledger into memory. A call found under way is lost.
func (s *Scheduler) restore(run *Run, now time.Time) {
	run.share()
	run.Plan = s.share(run.Plan)
	t := &task{full: run, wakeI: -1}
	s.spread.add(t)
	s.tasks[run.ID] = t
	s.rank(t)
	if len(run.Outbox) > 0 || run.State.Ended() {
		s.touch(t)
	}
	if run.State.Ended() {
		return
	}
	gathering := run.State == RunGathering || run.State == RunReady
	if gathering && !run.Plan.Gather.None && !run.full() && run.Stopping == "" {
		s.joinable[gatherKey(run.Plan)] = t
	}
	if run.Lanes != nil {
		s.holdLanes(t, run.Lanes)
	}
	if run.Stopping != "" {
		t.pursuit().stopBy, t.pursuit().cancelAt = now.Add(s.limits.Cancel), now
	}
	s.resume(t, now)
	s.wonder(run, now)
	s.consider(t, now)
}

// resume goes on with the step that a run was at.
func (s *Scheduler) resume(t *task, now time.Time) {
	i := t.run().current()
	step := &t.run().Steps[i]
	if latest := now.Add(max(s.limits.Frequency, t.run().Plan.Retry.Cap, t.run().Plan.Retry.Wait)); step.NotBefore.After(latest) {
		step.NotBefore = latest // the clock was set back since
	}
	switch step.State {
	case StepWaiting:
		if step.Mode == PublishNew {
			step.Mode = PublishUnknown // somebody may have published the app since
		}
	case StepCalling:
		if command := (Command{Kind: KindCall, Step: t.run().Plan.Steps[i], Mode: step.Mode}); command.repeatable() {
			s.moveStep(step, StepWaiting)
			break
		}
		step.attempt().Lost = true
		step.NotBefore = now
		t.pursuit().graceEnds = now.Add(s.limits.takenOver(t.run().Plan.Steps[i].Action))
	case StepSubmitted:
		s.follow(t, step.Result.ReloadID, now)
		t.pursuit().cancelAt = s.cancelAgain(step.CancelAt, now)
		t.pursuit().pollAt, t.pursuit().submitted = now, step.attempt().CalledAt
		if t.pursuit().submitted.After(now) {
			t.pursuit().submitted = now
		}
	}
}

// cancelAgain is when Qlik may be asked once more to cancel a reload that it was
// asked to cancel before: once that call, which alone is on record, counts no more.
func (s *Scheduler) cancelAgain(asked, now time.Time) time.Time {
	if asked.IsZero() {
		return now
	}
	if asked.After(now) {
		asked = now
	}
	return asked.Add(s.limits.late(qlik.ClassReload) + s.limits.Quota[qlik.ClassReload].Per)
}

// recall counts a run's calls into the windows of their classes, and remembers
// what it is known to have done.
func (s *Scheduler) recall(run *Run, now time.Time) {
	s.recallStarts(run)
	s.admitted[run.Rule] = max(s.admitted[run.Rule], run.Causes.Last)
	for i := range run.Steps {
		class, calls := Command{Kind: KindCall, Step: run.Plan.Steps[i]}.class()
		for _, attempt := range run.Steps[i].Attempts {
			if attempt.ReloadID != "" {
				s.ours.note(attempt.ReloadID, now)
			}
			switch {
			case !attempt.Sent, !calls:
			case attempt.AnsweredAt.IsZero():
				s.quota[class].add(s.limits.unheard(class, attempt.CalledAt, now))
			case unanswered(attempt.Reason):
				s.quota[class].add(attempt.AnsweredAt.Add(s.limits.Grace))
			default:
				s.quota[class].add(attempt.AnsweredAt)
			}
		}
		if at := run.Steps[i].CancelAt; !at.IsZero() {
			s.quota[qlik.ClassReload].add(at.Add(s.limits.late(qlik.ClassReload)))
		}
		if id := run.Steps[i].Result.ReloadID; id != "" {
			s.ours.note(id, now)
		}
		if plan := run.Plan.Steps[i]; plan.Action == rules.Publish && run.Steps[i].State == StepSucceeded {
			s.twins.note(plan.Args, run.Steps[i].Result.AppID, run.Steps[i].Ended)
		}
	}
}
