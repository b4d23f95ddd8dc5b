package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// How a run ends that has steps under `on_failure` or `always`: once its steps in
// turn have ended, one way or another, its Fate is sealed; then these are carried
// out, each on its own: that one fails keeps none of the others from its turn. A run
// that has no such steps has no Fate, it just ends.

// A Fate is how a run's steps in turn ended, while its steps for the end are
// carried out.
type Fate struct {
	State  RunState      `json:"state"`
	At     time.Time     `json:"at"`
	Reason events.Reason `json:"reason,omitempty"`
	Error  string        `json:"error,omitempty"`
	Paused time.Duration `json:"paused,omitempty"` // Run.PausedFor by then
}

// endingTime is what a run's steps for the end have at least, whatever its deadline.
const endingTime = 10 * time.Minute

// owes says whether a step of the run is still to be carried out.
func (r *Run) owes(i int) bool {
	turn := rules.InTurn
	if i < len(r.Plan.Steps) {
		turn = r.Plan.Steps[i].Turn
	}
	switch {
	case turn == rules.InTurn:
		return r.Fate.State == "" && r.Steps[i].State != StepSucceeded
	case r.Fate.State == "" || r.Steps[i].State.Ended():
		return false
	}
	if turn == rules.Always {
		return r.Fate.Reason != events.ReasonJoinExpired // it never began
	}
	return r.Fate.State != RunSucceeded
}

// turn seals the fate of a run that would end, if it has steps to carry out for
// that, and says whether so. A run that gathers or that was canceled before it began
// has none, nor has one whose fate was sealed before; one whose join expired has no
// others than on failure.
func (s *Scheduler) turn(t *task, state RunState, verdict Verdict, now time.Time) bool {
	run := t.run()
	gathers := run.State == RunGathering && verdict.Reason != events.ReasonJoinExpired
	if run.Fate.State != "" || gathers || state == RunCanceled && run.Started.IsZero() {
		return false
	}
	run.Fate = Fate{State: state, At: now, Reason: verdict.Reason, Error: verdict.Text, Paused: run.PausedFor}
	if s.skip(run, now); run.current() < 0 {
		run.Fate = Fate{}
		return false
	}
	if run.State == RunGathering {
		s.moveRun(run, RunReady)
	}
	if run.State != RunRunning {
		s.moveRun(run, RunRunning)
	}
	if run.Started.IsZero() {
		run.Started = now
	}
	run.Reason, run.Error, run.Stopping = verdict.Reason, verdict.Text, ""
	for i := range run.Steps {
		delete(s.reloads, run.Steps[i].Result.ReloadID)
	}
	s.closeGathering(t)
	s.withdraw(t) // what it waited for was for another step
	s.touch(t)
	return true
}

// skip ends the steps for the end that have nothing to do: they are about what a
// step gives that did not succeed.
func (s *Scheduler) skip(run *Run, now time.Time) {
	for i := range run.Steps {
		if !run.owes(i) || run.Steps[i].State != StepWaiting {
			continue
		}
		for _, name := range run.Plan.Steps[i].Needs {
			if !run.gives(name) {
				s.moveStep(&run.Steps[i], StepCanceled)
				run.Steps[i].Ended = now
				break
			}
		}
	}
}

// gives says whether the results of a step are there, or may yet be.
func (r *Run) gives(name string) bool {
	for i := range r.Steps {
		if r.Plan.Steps[i].Name == name {
			return r.Steps[i].State == StepSucceeded || r.owes(i)
		}
	}
	return false
}

// ended goes on after a step that did not succeed.
func (s *Scheduler) ended(t *task, state RunState, verdict Verdict, now time.Time) {
	if t.run().Fate.State == "" || t.run().Stopping != "" {
		s.finish(t, endState(t.run(), state), verdict, now)
		return
	}
	if t.run().State == RunHeld {
		s.moveRun(t.run(), RunRunning)
	}
	s.touch(t)
	s.goOn(t, now)
}

// goOn goes on behind a step that ended: with the next, or to the end of the run.
func (s *Scheduler) goOn(t *task, now time.Time) {
	if s.skip(t.run(), now); t.run().current() < 0 {
		s.finish(t, RunSucceeded, Verdict{}, now)
	}
}

// fate is how a run ends that would end so: as its steps in turn decided. If these
// succeeded, a step for the end that failed decides.
func (r *Run) fate(state RunState, verdict Verdict) (RunState, Verdict) {
	switch r.Fate.State {
	case "":
		return state, verdict
	case RunSucceeded:
	default:
		return r.Fate.State, Verdict{Reason: r.Fate.Reason, Text: r.Fate.Error}
	}
	for i, step := range r.Steps {
		if step.State == StepFailed || step.State == StepCanceled && step.Reason != "" {
			if r.Plan.Steps[i].Turn != rules.InTurn && state == RunSucceeded {
				return RunFailed, Verdict{Reason: step.Reason, Text: step.Error}
			}
		}
	}
	return state, verdict
}

// limit is when a run ends whatever it waits for. Its steps for the end have some
// time of their own.
func (r *Run) limit() time.Time {
	limit := r.deadline()
	if own := r.Fate.At.Add(endingTime + r.PausedFor - r.Fate.Paused); r.Fate.State != "" && own.After(limit) {
		return own
	}
	return limit
}
