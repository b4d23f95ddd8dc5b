package bridge

import (
	"cmp"
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// moveRun moves a run along the state machine. A move that the table does not
// know is a defect of the scheduler, which its simulation would have shown.
func (s *Scheduler) moveRun(run *Run, to RunState) {
	if !mayMove(runMoves, run.State, to) {
		panic(fmt.Sprintf("run %s: no move from %s to %s", run.ID, run.State, to))
	}
	if s.seen != nil {
		s.seen(string(run.State), string(to))
	}
	run.State = to
}

func (s *Scheduler) moveStep(step *StepRecord, to StepState) {
	if !mayMove(stepMoves, step.State, to) {
		panic(fmt.Sprintf("step: no move from %s to %s", step.State, to))
	}
	if s.seen != nil {
		s.seen(string(step.State), string(to))
	}
	step.State = to
}

// succeed ends a step well, and the run with its last one.
func (s *Scheduler) succeed(t *task, i int, result Result, now time.Time) {
	step := &t.run().Steps[i]
	s.moveStep(step, StepSucceeded)
	step.Result, step.Reason, step.Error, step.Waits = result, "", "", 0
	step.Ended = now
	delete(s.reloads, result.ReloadID)
	s.noteResult(t.run().Plan.Steps[i], result, now)
	if plan := t.run().Plan.Steps[i]; plan.Action == rules.Publish {
		s.twins.note(plan.Args, result.AppID, now)
	}
	s.tellStep(t, i, succeeded, now)
	s.touch(t)
	if t.run().Stopping != "" {
		s.finish(t, t.run().Stopping, stopVerdict(t.run()), now)
		return
	}
	s.goOn(t, now)
}

// fail ends a step badly, and with it the run or its steps in turn.
func (s *Scheduler) fail(t *task, i int, verdict Verdict, now time.Time) {
	step := &t.run().Steps[i]
	s.moveStep(step, StepFailed)
	step.Reason, step.Error, step.Ended = verdict.Reason, verdict.Text, now
	if verdict.Code != "" {
		step.Result.Code = verdict.Code
	}
	s.tellStep(t, i, failed, now)
	s.ended(t, RunFailed, verdict, now)
}

// stop ends a step whose reload was canceled, as fail does.
func (s *Scheduler) stop(t *task, i int, now time.Time) {
	step := &t.run().Steps[i]
	s.moveStep(step, StepCanceled)
	step.Reason, step.Ended = events.ReasonReloadCanceled, now
	s.tellStep(t, i, canceled, now)
	s.ended(t, RunCanceled, Verdict{Reason: events.ReasonReloadCanceled}, now)
}

// endState is how a run ends that is being stopped, or else as the step that ended says.
func endState(run *Run, otherwise RunState) RunState { return cmp.Or(run.Stopping, otherwise) }

// stopVerdict says why a run was stopped.
func stopVerdict(run *Run) Verdict {
	if run.Stopping == RunCanceled {
		return Verdict{Reason: events.ReasonCanceled, Text: "the run was canceled"}
	}
	return Verdict{Reason: events.ReasonDeadline, Text: "the run did not end within " + run.Plan.Deadline.String()}
}

// hold stops a run at a step whose effect cannot be found out. Its lanes are
// freed, unless a reload may be running.
func (s *Scheduler) hold(t *task, i int, verdict Verdict, now time.Time) {
	step := &t.run().Steps[i]
	verdict.Reason = events.ReasonUnknownOutcome
	if t.run().Stopping != "" {
		s.fail(t, i, verdict, now)
		return
	}
	s.moveStep(step, StepUnknown)
	s.moveRun(t.run(), RunHeld)
	step.Reason, step.Error = verdict.Reason, verdict.Text
	t.run().Reason, t.run().Error = step.Reason, step.Error
	if t.run().Plan.Steps[i].Action != rules.Reload {
		s.freeLanes(t)
	}
	s.tellRun(t, now)
	s.touch(t)
}

// finish ends a run, once its steps for the end have had their turn.
func (s *Scheduler) finish(t *task, state RunState, verdict Verdict, now time.Time) {
	if s.turn(t, state, verdict, now) {
		return
	}
	state, verdict = t.run().fate(state, verdict)
	if t.run().State == RunHeld && !mayMove(runMoves, RunHeld, state) {
		s.moveRun(t.run(), RunRunning)
	}
	s.moveRun(t.run(), state)
	t.run().Ended, t.run().Reason, t.run().Error = now, verdict.Reason, verdict.Text
	s.closeGathering(t)
	s.withdraw(t)
	s.freeLanes(t)
	for i := range t.run().Steps {
		delete(s.reloads, t.run().Steps[i].Result.ReloadID)
	}
	s.tellRun(t, now)
	s.touch(t)
}

// expire ends a run whose time is up, or that was being stopped and is idle. What
// is under way is asked to stop first, and waited for a little.
func (s *Scheduler) expire(t *task, now time.Time) {
	run := t.run()
	i := run.current()
	step := &run.Steps[i]
	underWay := step.State == StepSubmitted || step.State == StepCalling
	if run.Stopping == "" && underWay {
		s.windDown(t, RunExpired, now)
		return
	}
	state := endState(run, RunExpired)
	verdict := stopVerdict(run)
	switch {
	case run.State == RunHeld:
		state = endState(run, RunFailed)
		s.moveStep(step, StepFailed)
		step.Ended = now
		if run.Stopping == "" {
			verdict.Reason = events.ReasonUnknownOutcome
		}
		s.tellStep(t, i, failed, now)
	case underWay:
		s.moveStep(step, StepFailed)
		step.Reason, step.Error, step.Ended = verdict.Reason, verdict.Text, now
		s.tellStep(t, i, failed, now)
	default:
		s.moveStep(step, StepCanceled)
		step.Reason, step.Ended = verdict.Reason, now
	}
	s.finish(t, state, verdict, now)
}

// windDown begins to stop a run that may have something under way.
func (s *Scheduler) windDown(t *task, state RunState, now time.Time) {
	t.run().Stopping = state
	t.pursuit().stopBy, t.pursuit().cancelAt = now.Add(s.limits.Cancel), now
	s.closeGathering(t)
	s.touch(t)
}
