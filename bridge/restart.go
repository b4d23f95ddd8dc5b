package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// endedBadly goes on from a reload that Qlik ended otherwise than well: it is started
// again if the run's policy says so, and else fails the step. Either way its end is
// told, under the attempt's own id.
func (s *Scheduler) endedBadly(t *task, i int, status qlik.ReloadStatus, verdict Verdict, now time.Time) {
	step, policy := &t.run().Steps[i], t.run().Plan.Retry
	if !t.run().restarts(i, status, now) {
		s.fail(t, i, verdict, now)
		return
	}
	step.Counted++
	step.Waits, step.NotBefore = 0, now.Add(policy.Wait)
	step.Reason, step.Error = verdict.Reason, verdict.Text
	s.tellStep(t, i, failed, now)
	s.moveStep(step, StepWaiting)
	delete(s.reloads, step.Result.ReloadID)
	step.Result = Result{}
	s.touch(t)
}

// restarts says whether a step whose reload ended so is to be started again. A run
// that is being stopped does not, nor one whose time would be up by then, nor one
// from a backup: what it had started since is not on record.
func (r *Run) restarts(i int, status qlik.ReloadStatus, now time.Time) bool {
	policy := r.Plan.Retry
	return slices.Contains(policy.On, string(status)) && r.Steps[i].Counted+1 < policy.Attempts &&
		r.Stopping == "" && r.Restored.IsZero() && now.Add(policy.Wait).Before(r.limit())
}

// young says whether a step was denied an app that an earlier step of its run has made
// so shortly before its call that not all of Qlik knows it yet.
func (s *Scheduler) young(run *Run, i int, reason events.Reason) bool {
	if reason != events.ReasonNotFound && reason != events.ReasonForbidden {
		return false
	}
	for j := range run.Steps {
		made, action := &run.Steps[j], run.Plan.Steps[j].Action
		if made.State != StepSucceeded || action != rules.Copy && action != rules.Publish || made.Result.AppID != run.Plan.Steps[i].Args.App {
			continue
		}
		if age := run.Steps[i].attempt().CalledAt.Sub(made.Ended); age.Abs() < s.limits.Young {
			return true
		}
	}
	return false
}

// had says whether a reload is known to be that of an attempt of the step.
func (s *StepRecord) had(reloadID string) bool {
	return slices.ContainsFunc(s.Attempts, func(a Attempt) bool { return a.ReloadID == reloadID })
}
