package bridge

import (
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// What a held run can be resolved as.
const (
	ResolveSucceeded = "succeeded" // the step took effect: go on behind it
	ResolveFailed    = "failed"    // it did not, and the run is over
	ResolveRetry     = "retry"     // it did not: call again
)

// Resolve ends a person's or the deadline's wait: it says how the unknown step of
// a held run ended. A copy or publish that succeeded needs the app it made, when
// the plan goes on with it. Its errors wrap ErrRefused and say what to do.
func (s *Scheduler) Resolve(now time.Time, id, as, app string) error {
	t := s.tasks[id]
	switch {
	case t == nil:
		return fmt.Errorf("%w: run %s is not open; only a held run can be resolved", ErrRefused, id)
	case t.run().State != RunHeld:
		return fmt.Errorf("%w: run %s is %s; only a held run can be resolved", ErrRefused, id, t.run().State)
	case len(app) > longestNamed:
		return fmt.Errorf("%w: the app's id is longer than %d bytes", ErrRefused, longestNamed)
	}
	i := t.run().current()
	action := t.run().Plan.Steps[i].Action
	switch as {
	case ResolveSucceeded:
		if app == "" && (action == rules.Copy || action == rules.Publish) && i < len(t.run().Steps)-1 {
			return fmt.Errorf("%w: later steps need the app that the %s made: give its id with --app", ErrRefused, action)
		}
		s.moveRun(t.run(), RunRunning)
		result := t.run().Steps[i].Result
		result.AppID = app
		s.succeed(t, i, result, now)
	case ResolveFailed:
		s.fail(t, i, Verdict{Reason: events.ReasonUnknownOutcome, Text: "resolved by hand"}, now)
	case ResolveRetry:
		s.moveRun(t.run(), RunRunning)
		step := &t.run().Steps[i]
		s.moveStep(step, StepWaiting)
		step.NotBefore, step.Reason, step.Error = time.Time{}, "", ""
		for n := range step.Attempts {
			step.Attempts[n].Lost = false
		}
		t.run().Reason, t.run().Error = "", ""
		s.touch(t)
	default:
		return fmt.Errorf("%w: as %q: expected succeeded, failed or retry", ErrRefused, as)
	}
	s.consider(t, now)
	return nil
}
