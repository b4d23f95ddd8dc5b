package bridge

import (
	"maps"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// Waits that are nobody's fault grow from one to the other.
const (
	waitShort = time.Second
	waitCap   = 30 * time.Second
	pushKept  = time.Minute // a push may come so long before the answer to the call
)

// Done takes in what became of a command that Next returned.
func (s *Scheduler) Done(now time.Time, report Report) {
	command, verdict := report.Command, report.Verdict
	if class, ok := command.class(); ok {
		s.quota[class].answered(now, report.Sent, unanswered(verdict.Reason))
		if verdict.Reason == events.ReasonRateLimited {
			s.quota[class].pause(now.Add(max(verdict.After, waitShort)))
		}
	}
	switch command.Kind {
	case KindProbe:
		s.probed(now, report)
	case KindLook:
		s.looked(now, report)
	case KindName:
		s.named(now, report)
	case KindLog:
		if command.Run == "" {
			s.looked(now, report)
		}
	}
	t := s.tasks[command.Run]
	if t == nil {
		return
	}
	t.out = false
	if verdict.Kind == VerdictHold {
		s.Hold(now, verdict)
	}
	if command.answers(t.run()) {
		s.apply(t, command, report, now)
	}
	s.consider(t, now)
}

// answers says whether the run still waits for what the command was to find out. A
// newer event may have given it another plan meanwhile.
func (c Command) answers(run *Run) bool {
	if run.State.Ended() || c.Index != run.current() {
		return false
	}
	plan := run.Plan.Steps[c.Index]
	switch state := run.Steps[c.Index].State; c.Kind {
	case KindResolve, KindFind:
		return maps.Equal(c.Parts, run.joined(c.Kind)) && state == StepWaiting && plan.Action == c.Step.Action && sameApp(plan.Args, c.Step.Args)
	case KindPoll, KindCancel, KindLog:
		return state == StepSubmitted
	default:
		return state == StepCalling
	}
}

func (s *Scheduler) apply(t *task, command Command, report Report, now time.Time) {
	switch command.Kind {
	case KindResolve:
		s.resolved(t, report, now)
	case KindFind:
		s.found(t, report, now)
	case KindCall:
		s.called(t, report, now)
	case KindPoll:
		s.polled(t, report, now)
	case KindLog:
		s.conclude(t, report.Excerpt, now)
	case KindReconcile:
		s.reconciled(t, report, now)
	case KindCancel:
		s.canceled(t, report.Verdict, now)
	}
}

func (s *Scheduler) resolved(t *task, report Report, now time.Time) {
	i := report.Command.Index
	switch report.Verdict.Kind {
	case VerdictDone:
		if report.Steps == nil {
			report.Steps = []rules.Step{report.Step}
		}
		made := slices.Clone(t.run().Plan.Steps)
		copy(made[i:], report.Steps)
		if err := fitsRecord(made); err != nil {
			s.fail(t, i, Verdict{Reason: events.ReasonBadArgument, Text: err.Error()}, now)
			return
		}
		t.run().ownPlan().Steps = made
		t.run().Bound = t.run().Plan.Join != nil
		s.wonder(t.run(), now)
		s.touch(t)
	case VerdictFail:
		s.fail(t, i, report.Verdict, now)
	default:
		s.wait(t, i, report.Verdict, now)
	}
}

func (s *Scheduler) found(t *task, report Report, now time.Time) {
	i := report.Command.Index
	switch report.Verdict.Kind {
	case VerdictDone:
		t.run().Steps[i].Mode, t.pursuit().sought = report.Mode, now
		if report.Mode == PublishReplace {
			t.run().ownPlan().Steps[i].Args.Target = report.Result.AppID
		}
		s.touch(t)
	case VerdictFail:
		s.fail(t, i, report.Verdict, now)
	default:
		s.wait(t, i, report.Verdict, now)
	}
}

// called takes in the answer to a step's call.
func (s *Scheduler) called(t *task, report Report, now time.Time) {
	i := report.Command.Index
	step, verdict := &t.run().Steps[i], report.Verdict
	attempt := step.attempt()
	attempt.AnsweredAt, attempt.Sent = now, report.Sent
	attempt.Identity, attempt.Reason = report.Identity, verdict.Reason
	if t.run().Plan.Steps[i].Action == rules.Reload && verdict.Kind != VerdictLost && !attempt.started() {
		s.uncountStart(t.run().Plan.Steps[i].Args.App, attempt.CalledAt)
	}
	s.touch(t)
	switch verdict.Kind {
	case VerdictDone:
		s.accept(t, i, report, now)
	case VerdictLost:
		s.lose(t, step, now, now.Add(s.limits.proven()))
	case VerdictWaitApp:
		if !s.lostSince(step).IsZero() {
			s.lose(t, step, now, now.Add(s.limits.proven()))
			return
		}
		s.moveStep(step, StepWaiting)
		s.wait(t, i, verdict, now)
	case VerdictFail:
		if verdict.Reason == events.ReasonNotFound && t.run().Plan.Steps[i].Action == rules.Delete && !s.lostSince(step).IsZero() {
			s.succeed(t, i, Result{}, now) // by a call whose answer was lost
			return
		}
		if verdict.Reason == events.ReasonNotFound && report.Command.Mode == PublishTry {
			s.moveStep(step, StepWaiting)
			step.Mode = PublishNew
			delete(s.twins, place{report.Command.Step.Args.App, report.Command.Step.Args.Space})
			return
		}
		if s.young(t.run(), i, verdict.Reason) {
			s.moveStep(step, StepWaiting)
			s.wait(t, i, verdict, now)
			return
		}
		s.fail(t, i, verdict, now)
	case VerdictRetry:
		s.again(t, i, verdict, now)
	default:
		s.moveStep(step, StepWaiting)
		s.wait(t, i, verdict, now)
	}
}

// accept goes on from an answer that says the call took effect.
func (s *Scheduler) accept(t *task, i int, report Report, now time.Time) {
	if t.run().Plan.Steps[i].Action == rules.Reload {
		t.run().Steps[i].attempt().Lost = false
		s.submit(t, i, report.Reload, now)
		return
	}
	s.succeed(t, i, report.Result, now)
}

// lose marks the newest attempt as one whose effect must be found out.
func (s *Scheduler) lose(t *task, step *StepRecord, now, graceEnds time.Time) {
	step.attempt().Lost = true
	step.NotBefore = now.Add(waitShort / 2)
	t.pursuit().graceEnds, t.pursuit().misses = graceEnds, 0
	s.touch(t)
}

// wait puts a step off without counting it.
func (s *Scheduler) wait(t *task, i int, verdict Verdict, now time.Time) {
	step := &t.run().Steps[i]
	step.Waits++
	after := backoff(step.Waits, waitShort, waitCap, s.jitter())
	switch verdict.Kind {
	case VerdictWaitApp:
		after = s.limits.Pending
	case VerdictWaitLong:
		after = s.limits.Frequency
	}
	step.NotBefore = now.Add(max(after, verdict.After))
	step.Reason, step.Error = verdict.Reason, verdict.Text
	s.touch(t)
}

// again puts a called step off and counts it, or fails it when the policy allows
// no more.
func (s *Scheduler) again(t *task, i int, verdict Verdict, now time.Time) {
	step, policy := &t.run().Steps[i], t.run().Plan.Retry
	step.Counted++
	if step.Counted >= policy.Attempts {
		if verdict.Reason == "" || verdict.Kind == VerdictRetry {
			verdict.Reason = events.ReasonRetriesExhausted
		}
		s.fail(t, i, verdict, now)
		return
	}
	s.moveStep(step, StepWaiting)
	step.NotBefore = now.Add(max(backoff(step.Counted, policy.Base, policy.Cap, s.jitter()), verdict.After))
	step.Reason, step.Error = verdict.Reason, verdict.Text
	s.touch(t)
}

// submit takes in the reload that a step started or adopted.
func (s *Scheduler) submit(t *task, i int, reload *qlik.Reload, now time.Time) {
	step := &t.run().Steps[i]
	s.moveStep(step, StepSubmitted)
	step.NotBefore, step.Reason, step.Error = time.Time{}, "", ""
	step.Result.ReloadID, step.attempt().ReloadID = reload.ID, reload.ID
	s.follow(t, reload.ID, now)
	t.pursuit().submitted = now
	if attempt := step.attempt(); attempt.Lost && attempt.CalledAt.Before(now) {
		t.pursuit().submitted = attempt.CalledAt // it was found, some time after it began
	}
	t.pursuit().pollAt = s.nextPoll(t, i, now)
	if at, early := s.pushed.noted(reload.ID); early && now.Sub(at) < pushKept {
		t.pursuit().pushed, t.pursuit().pollAt = true, now
	}
	s.touch(t)
	s.tellReload(t, i, events.TypeReloadQueued, now)
	s.observe(t, i, reload, now)
}

// follow remembers which run waits for a reload, and that it is ours: no lost call
// can have started it.
func (s *Scheduler) follow(t *task, reloadID string, now time.Time) {
	s.reloads[reloadID] = t
	s.ours.note(reloadID, now)
	p := t.pursuit()
	p.misses, p.pushed, p.wakes, p.stopped, p.cancelAt, t.end, p.goneSince = 0, false, 0, false, time.Time{}, nil, time.Time{}
}

func (s *Scheduler) polled(t *task, report Report, now time.Time) {
	i := report.Command.Index
	verdict := report.Verdict
	switch {
	case verdict.Kind == VerdictDone:
		t.pursuit().misses, t.pursuit().goneSince = 0, time.Time{}
		t.pursuit().pollAt = s.nextPoll(t, i, now)
		if t.pursuit().pushed {
			t.pursuit().pushed, t.pursuit().pollAt = false, now.Add(s.limits.Poll) // the answer may lag behind the push
		}
		s.observe(t, i, report.Reload, now)
	case verdict.Kind == VerdictFail && verdict.Reason == events.ReasonNotFound && s.gone(t, now):
		verdict.Reason = events.ReasonReloadGone
		s.fail(t, i, verdict, now)
	default:
		t.pursuit().misses++
		t.pursuit().pollAt = now.Add(max(backoff(t.pursuit().misses, waitShort, waitCap, s.jitter()), verdict.After))
	}
}

// gone reports whether a reload that Qlik has just denied to know has been denied for
// so long that it is gone: one server of Qlik's may not know yet what another took.
func (s *Scheduler) gone(t *task, now time.Time) bool {
	if t.pursuit().goneSince.IsZero() || now.Before(t.pursuit().goneSince) {
		t.pursuit().goneSince = now
	}
	return now.Sub(t.pursuit().goneSince) >= s.limits.Gone
}
