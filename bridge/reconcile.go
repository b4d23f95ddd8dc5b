package bridge

import (
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
// for, and not known to be another attempt's. Where the API echoes a resource id,
// only a reload with ours is one.
func candidates(listed []qlik.Reload, command Command, identity string, claimed []string) []qlik.Reload {
	var found []qlik.Reload
	for _, reload := range listed {
		switch {
		case reload.ResourceID != "" && reload.ResourceID == ResourceID(command.Token):
			return []qlik.Reload{reload}
		case slices.Contains(claimed, reload.ID), reload.AppID != command.Step.Args.App && reload.AppID != "",
			reload.CreationTime.Before(command.Since.Add(-clockSlack)),
			reload.Partial != command.Step.Args.Partial,
			reload.Type != "" && reload.Type != qlik.TypeExternal,
			identity != "" && reload.UserID != "" && reload.UserID != identity:
		default:
			found = append(found, reload)
		}
	}
	return found
}

// reconciled takes in what was found out about a lost call.
func (s *Scheduler) reconciled(t *task, report Report, now time.Time) {
	i := report.Command.Index
	step := &t.run.Steps[i]
	switch report.Verdict.Kind {
	case VerdictDone:
	case VerdictFail:
		s.hold(t, i, report.Verdict, now)
		return
	default:
		t.misses++
		step.NotBefore = now.Add(max(backoff(t.misses, waitShort, waitCap, s.jitter()), report.Verdict.After))
		return
	}
	t.misses = 0
	conclusive := report.Began.After(t.graceEnds)
	if t.run.Plan.Steps[i].Action != rules.Reload {
		s.reconciledApp(t, i, report, now, conclusive)
		return
	}
	identity := step.attempt().Identity
	if identity == "" {
		identity = report.Identity
	}
	switch found := candidates(report.Listed, report.Command, identity, s.claims[report.Command.Step.Args.App]); {
	case len(found) == 1:
		s.submit(t, i, &found[0], now)
	case len(found) > 1:
		s.hold(t, i, Verdict{Text: "several reloads of the app may be the one this run started; resolve the run by hand"}, now)
	case conclusive:
		step.attempt().Lost = false
		s.again(t, i, Verdict{Kind: VerdictRetry, Reason: step.attempt().Reason, Text: "the call had no effect"}, now)
	default:
		s.lookAgain(t, step, now)
	}
}

// reconciledApp goes on for a copy or publish: what was found is adopted, but not
// finding it never proves that it is not there.
func (s *Scheduler) reconciledApp(t *task, i int, report Report, now time.Time, conclusive bool) {
	switch {
	case report.Result.AppID != "":
		s.succeed(t, i, report.Result, now)
	case conclusive:
		s.hold(t, i, Verdict{
			Reason: events.ReasonUnknownOutcome,
			Text:   "whether the " + string(t.run.Plan.Steps[i].Action) + " took effect cannot be found out; look for the app and resolve the run by hand",
		}, now)
	default:
		s.lookAgain(t, &t.run.Steps[i], now)
	}
}

// lookAgain asks once more when the grace time is over, and a few times before.
func (s *Scheduler) lookAgain(t *task, step *StepRecord, now time.Time) {
	step.NotBefore = now.Add(max(waitShort, t.graceEnds.Sub(now)/3))
}

// maxClaims is how many reloads of one app are remembered as ours. One is under
// way at a time, so this reaches back far beyond any lost call.
const maxClaims = 16

// claim remembers a reload as started by a known attempt, so that no lost one can
// adopt it.
func (s *Scheduler) claim(app, reloadID string) {
	ids := append(s.claims[app], reloadID)
	s.claims[app] = ids[max(0, len(ids)-maxClaims):]
}

// restore takes a run from the ledger into memory. A call found under way is lost.
func (s *Scheduler) restore(run *Run, now time.Time) {
	t := &task{run: run, wakeI: -1}
	s.tasks[run.ID] = t
	if len(run.Outbox) > 0 {
		s.touch(t)
	}
	if run.State.Ended() {
		return
	}
	switch run.State {
	case RunGathering, RunReady:
		if !run.Plan.Gather.None && run.Causes.Count < maxCauses {
			s.joinable[run.Rule+"\x00"+run.Plan.Key] = t
		}
	case RunRunning:
		s.holdLanes(t, run.Plan.Apps())
	}
	i := run.current()
	step := &run.Steps[i]
	if run.State == RunHeld && run.Plan.Steps[i].Action == rules.Reload {
		s.holdLanes(t, run.Plan.Apps())
	}
	switch step.State {
	case StepCalling:
		if step.Mode == PublishReplace || step.Mode == PublishTry {
			moveStep(step, StepWaiting) // a republish converges: it is made again
			break
		}
		step.attempt().Lost = true
		step.NotBefore = now
		t.graceEnds = now.Add(s.limits.takeOverGrace(run.Plan.Steps[i].Action))
	case StepSubmitted:
		t.pollAt, t.submitted = now, step.attempt().CalledAt
		t.stopBy = now.Add(s.limits.Cancel)
	}
	s.consider(t, now)
}

// seedQuota counts a run's calls into the windows of their classes.
func (s *Scheduler) seedQuota(run *Run, now time.Time) {
	for i := range run.Steps {
		class, _ := Command{Kind: KindCall, Step: run.Plan.Steps[i]}.class()
		for _, attempt := range run.Steps[i].Attempts {
			switch {
			case !attempt.Sent:
			case attempt.AnsweredAt.IsZero():
				s.quota[class].add(now)
			default:
				s.quota[class].add(attempt.AnsweredAt)
			}
		}
		if at := run.Steps[i].CancelAt; !at.IsZero() {
			s.quota[qlik.ClassReload].add(at)
		}
		if id := run.Steps[i].Result.ReloadID; id != "" {
			s.claim(run.Plan.Steps[i].Args.App, id)
		}
	}
}
