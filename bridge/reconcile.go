package bridge

import (
	"cmp"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// clockSlack is by how much a reload's creation may lie before its call on Qlik's
// clock, which we know to a second.
const clockSlack = 2 * time.Second

// candidates returns the reloads of a listing that a lost attempt can have
// started: made through the API by our user since the call, as partial as asked
// for, and not known to be another attempt's. One that echoes our resource id is the
// one; one with another's is not ruled out, as tenants may not keep them as sent.
func (s *Scheduler) candidates(t *task, report Report) []qlik.Reload {
	command := report.Command
	step := &t.run().Steps[command.Index]
	identity := cmp.Or(step.attempt().Identity, report.Identity)
	tokens := t.run().resourceIDs(command.Index)
	var found []qlik.Reload
	for _, reload := range report.Listed {
		_, known := s.ours.noted(reload.ID)
		switch {
		case known || step.had(reload.ID), reload.AppID != command.Step.Args.App && reload.AppID != "":
		case reload.ResourceID != "" && slices.Contains(tokens, reload.ResourceID):
			return []qlik.Reload{reload}
		case reload.CreationTime.Before(command.Since.Add(-clockSlack)),
			reload.Partial != command.Step.Args.Partial,
			reload.Type != "" && reload.Type != qlik.TypeExternal,
			identity != "" && reload.UserID != "" && reload.UserID != identity:
		default:
			found = append(found, reload)
		}
	}
	return found
}

// resourceIDs returns the resource ids that attempts of a step gave their reloads.
func (r *Run) resourceIDs(i int) []string {
	var ids []string
	if !r.Restored.IsZero() {
		for n := r.Steps[i].Tried + mostForgotten; n > r.Steps[i].Tried; n-- {
			ids = append(ids, ResourceID(token(r.ID, i, n)))
		}
	}
	for n := r.Steps[i].Tried; n > 0 && n > r.Steps[i].Tried-len(r.Steps[i].Attempts); n-- {
		ids = append(ids, ResourceID(token(r.ID, i, n)))
	}
	return ids
}

// reconciled takes in what was found out about a lost call.
func (s *Scheduler) reconciled(t *task, report Report, now time.Time) {
	i := report.Command.Index
	step := &t.run().Steps[i]
	switch report.Verdict.Kind {
	case VerdictDone:
	case VerdictFail:
		s.hold(t, i, report.Verdict, now)
		return
	default:
		t.pursuit().misses++
		step.NotBefore = now.Add(max(backoff(t.pursuit().misses, waitShort, waitCap, s.jitter()), report.Verdict.After))
		return
	}
	t.pursuit().misses = 0
	conclusive := report.Began.After(t.pursuit().graceEnds) || !report.Sent // there is no way to look
	if t.run().Plan.Steps[i].Action != rules.Reload {
		s.reconciledApp(t, i, report, now, conclusive)
		return
	}
	switch found := s.candidates(t, report); {
	case len(found) == 1:
		s.submit(t, i, &found[0], now)
	case len(found) > 1:
		s.hold(t, i, Verdict{Text: "several reloads of the app may be the one this run started; resolve the run by hand"}, now)
	case conclusive:
		s.absent(t, i, now)
	default:
		s.lookAgain(t, step, now)
	}
}

// absent goes on from a lost call that had no effect within the grace time. Its
// attempt stays marked as lost: should the reload appear later after all, it is
// found when Qlik refuses the next.
func (s *Scheduler) absent(t *task, i int, now time.Time) {
	step := &t.run().Steps[i]
	reason := step.attempt().Reason
	if reason == events.ReasonPending {
		s.moveStep(step, StepWaiting)
		s.wait(t, i, Verdict{Kind: VerdictWaitApp, Reason: reason, Text: "somebody else's reload of the app is pending"}, now)
		return
	}
	s.again(t, i, Verdict{Kind: VerdictRetry, Reason: reason, Text: "the call had no effect"}, now)
}

// reconciledApp goes on for all but reloads: what was found is adopted. Not finding
// a copy or a published app never proves that it is not there.
func (s *Scheduler) reconciledApp(t *task, i int, report Report, now time.Time, conclusive bool) {
	action := t.run().Plan.Steps[i].Action
	switch {
	case report.Result.AppID != "":
		s.succeed(t, i, report.Result, now)
	case conclusive && (action == rules.Move || action == rules.Delete):
		s.absent(t, i, now) // the app itself says that it was not moved or deleted
	case conclusive:
		s.hold(t, i, Verdict{
			Reason: events.ReasonUnknownOutcome,
			Text:   "whether the " + string(action) + " took effect cannot be found out; look for the app and resolve the run by hand",
		}, now)
	default:
		s.lookAgain(t, &t.run().Steps[i], now)
	}
}

// lookAgain asks once more when the grace time is over, and a few times before.
func (s *Scheduler) lookAgain(t *task, step *StepRecord, now time.Time) {
	step.NotBefore = now.Add(max(waitShort, t.pursuit().graceEnds.Sub(now)/3))
}
