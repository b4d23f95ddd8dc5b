package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// consider puts a run where it belongs now: into the queue of the call it may
// make, or to sleep until its time comes.
func (s *Scheduler) consider(t *task, now time.Time) {
	if t.out {
		s.wakes.remove(t)
		return
	}
	if t.end.late(now) {
		s.conclude(t, "", now)
	}
	if s.lapse(t, now) || s.park(t, now) {
		return
	}
	if t.overdue(now) {
		s.expire(t, now)
		if s.park(t, now) {
			return // what comes at its end waits as well
		}
	}
	if t.run().State.Ended() {
		s.wakes.remove(t)
		s.withdraw(t)
		return
	}
	kind, at := s.wants(t, now)
	if kind == KindNone || at.After(now) {
		s.withdraw(t)
		t.want = KindNone
		s.wakes.set(t, earlier(at, t.limit()))
		return
	}
	s.wakes.set(t, t.end.before(t.limit()))
	if t.queue != nil && t.want == kind {
		return
	}
	s.withdraw(t)
	t.want = kind
	s.enqueue(t)
}

// enqueue puts a run into the queue of what it wants.
func (s *Scheduler) enqueue(t *task) {
	i := t.run().current()
	command := Command{Kind: t.want, Step: t.run().Plan.Steps[i]}
	if class, ok := command.class(); ok {
		s.queues[class].enter(t)
		return
	}
	s.resolves.enter(t)
}

// limit is the time at which the run ends whatever it waits for.
func (t *task) limit() time.Time {
	if t.run().Stopping != "" {
		return t.pursuit().stopBy
	}
	return t.run().limit()
}

// overdue says whether the run is to be ended now: its time is up, or it is being
// stopped and has nothing under way.
func (t *task) overdue(now time.Time) bool {
	if t.run().State.Ended() {
		return false
	}
	step := t.run().Steps[t.run().current()].State
	idle := t.run().Stopping != "" && (step == StepWaiting || step == StepUnknown)
	return idle || !t.limit().After(now)
}

// wants returns what a run would do next, and when; the zero time is never.
func (s *Scheduler) wants(t *task, now time.Time) (Kind, time.Time) {
	run := t.run()
	switch run.State {
	case RunHeld:
		return KindNone, time.Time{}
	case RunGathering, RunReady:
		if gather := run.Plan.Gather; !s.caughtUp && (gather.Quiet > 0 || gather.Max > 0 || gather.Count > 0 || run.Plan.Join != nil) {
			return KindNone, time.Time{}
		}
		if due := s.due(t, now); due.After(now) {
			return KindCall, due
		}
		if run.State == RunGathering {
			s.moveRun(run, RunReady)
		}
	}
	i := run.current()
	step := &run.Steps[i]
	switch step.State {
	case StepCalling:
		return KindReconcile, step.NotBefore
	case StepSubmitted:
		if t.end != nil && !t.end.done {
			return KindLog, now
		}
		if run.Stopping != "" && !t.pursuit().stopped && !t.pursuit().cancelAt.After(t.pursuit().pollAt) {
			return KindCancel, t.pursuit().cancelAt
		}
		return KindPoll, t.pursuit().pollAt
	}
	if run.unbound() {
		return KindResolve, step.NotBefore
	}
	kind, at := callKind(run.Plan.Steps[i], step), step.NotBefore
	if kind == KindCall && run.Plan.Steps[i].Action == rules.Reload {
		if free, _ := s.startable(run.Plan.Steps[i].Args.App, now); free.After(at) {
			at = free
		}
	}
	return kind, at
}

// due is when a run's gathering ends. Where the journal's clock is ahead of ours,
// or ours was set back, its times count as now.
func (s *Scheduler) due(t *task, now time.Time) time.Time {
	run := t.run()
	if run.Newest.After(now) {
		run.Newest = now
		if run.Opened.After(now) {
			run.Opened = now
			s.rank(t)
		}
		s.touch(t)
	}
	return run.due()
}

// callKind returns what a waiting step needs first: its arguments, its target, or
// nothing more.
func callKind(plan rules.Step, step *StepRecord) Kind {
	switch {
	case len(plan.Late) > 0:
		return KindResolve
	case plan.Action == rules.Publish && step.Mode == PublishUnknown && plan.Args.Target == "":
		return KindFind
	}
	return KindCall
}

// issue makes the command that a run wanted, with every change that must be
// written before it.
func (s *Scheduler) issue(t *task, now time.Time) Command {
	run := t.run()
	i := run.current()
	step := &run.Steps[i]
	t.queue, t.out = nil, true
	s.wakes.remove(t)
	if t.want == KindCall {
		s.begin(t, i, now)
	}
	command := Command{
		Kind: t.want, Run: run.ID, Rule: run.Rule, Trace: run.Trace, Index: i, Step: run.Plan.Steps[i], Mode: step.Mode, At: now,
		Token: run.token(i), ReloadID: step.Result.ReloadID,
	}
	switch t.want {
	case KindReconcile:
		command.Since = s.lostSince(step)
	case KindResolve:
		command.Cause, command.Results = run.Causes.Last, run.results()
		if command.Parts = run.joined(KindResolve); command.Parts != nil {
			command.Steps = slices.Clone(run.Plan.Steps[i:])
			if run.Fate.State != "" {
				command.Steps = command.Steps[:1]
			}
		}
	case KindCancel:
		step.CancelAt = now
		s.touch(t)
	}
	return command
}

// begin writes down that a step is about to be called.
func (s *Scheduler) begin(t *task, i int, now time.Time) {
	run := t.run()
	if run.State != RunRunning {
		s.moveRun(run, RunRunning)
		run.Started = now
		s.closeGathering(t)
	}
	step := &run.Steps[i]
	s.moveStep(step, StepCalling)
	if step.Mode == PublishUnknown && run.Plan.Steps[i].Action == rules.Publish {
		step.Mode = PublishReplace // its target was given
	}
	step.NotBefore = time.Time{}
	if run.Plan.Steps[i].Action == rules.Reload {
		s.spend(run.Plan.Steps[i].Args.App, now)
	}
	step.try(Attempt{CalledAt: now, QlikTime: s.clock(now), Sent: true})
	s.touch(t)
}

// lostSince returns when the first attempt was made whose effect was never seen,
// on Qlik's clock: what it made cannot be older.
func (s *Scheduler) lostSince(step *StepRecord) time.Time {
	for _, attempt := range step.Attempts {
		if attempt.ReloadID != "" {
			continue // it was seen
		}
		if attempt.Lost && attempt.QlikTime.IsZero() {
			return s.clock(attempt.CalledAt) // see doubt; the tenant had not been heard from
		}
		if attempt.Lost {
			return attempt.QlikTime
		}
	}
	return time.Time{}
}

// Settled says that Qlik reports a reload to have ended. The run that waits for it
// asks at once: a push may be forged, late or doubled, so only the answer counts.
func (s *Scheduler) Settled(now time.Time, reload qlik.Reload) {
	t := s.reloads[reload.ID]
	if t == nil {
		s.pushed.note(reload.ID, now)
		return
	}
	t.pursuit().pushed = true
	if t.pursuit().wakes++; t.pursuit().wakes <= mostWakes {
		t.pursuit().pollAt = now
	}
	s.consider(t, now)
}
