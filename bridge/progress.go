package bridge

import (
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// consider puts a run where it belongs now: into the queue of the call it may
// make, or to sleep until its time comes.
func (s *Scheduler) consider(t *task, now time.Time) {
	if t.out {
		s.wakes.remove(t)
		return
	}
	if limit := t.limit(); !limit.After(now) {
		s.expire(t, now)
	}
	if t.run.State.Ended() {
		s.wakes.remove(t)
		t.leave()
		return
	}
	kind, at := s.wants(t, now)
	if kind == KindNone || at.After(now) {
		t.leave()
		t.want = KindNone
		s.wakes.set(t, earlier(at, t.limit()))
		return
	}
	s.wakes.set(t, t.limit())
	if t.queue != nil && t.want == kind {
		return
	}
	t.want = kind
	s.enqueue(t)
}

// enqueue puts a run into the queue of what it wants.
func (s *Scheduler) enqueue(t *task) {
	i := t.run.current()
	command := Command{Kind: t.want, Step: t.run.Plan.Steps[i]}
	if class, ok := command.class(); ok {
		s.queues[class].enter(t)
		return
	}
	s.resolves.enter(t)
}

// limit is the time at which the run ends whatever it waits for.
func (t *task) limit() time.Time {
	if t.run.Expiring {
		return t.stopBy
	}
	return t.run.deadline()
}

// wants returns what a run would do next, and when; the zero time is never.
func (s *Scheduler) wants(t *task, now time.Time) (Kind, time.Time) {
	run := t.run
	var due time.Time
	switch run.State {
	case RunHeld:
		return KindNone, time.Time{}
	case RunGathering, RunReady:
		if !s.caughtUp && (run.Plan.Gather.Quiet > 0 || run.Plan.Gather.Max > 0) {
			return KindNone, time.Time{}
		}
		if due = run.due(); due.After(now) {
			return KindCall, due
		}
		if run.State == RunGathering {
			moveRun(run, RunReady)
		}
	}
	i := run.current()
	step := &run.Steps[i]
	switch step.State {
	case StepCalling:
		return KindReconcile, step.NotBefore
	case StepSubmitted:
		if run.Expiring && step.CancelAt.IsZero() {
			return KindCancel, now
		}
		return KindPoll, t.pollAt
	}
	return callKind(run.Plan.Steps[i], step), step.NotBefore
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
	run := t.run
	i := run.current()
	step := &run.Steps[i]
	t.queue, t.out = nil, true
	s.wakes.remove(t)
	if t.want == KindCall {
		s.begin(t, i, now)
	}
	command := Command{
		Kind: t.want, Run: run.ID, Rule: run.Rule, Index: i, Step: run.Plan.Steps[i], Mode: step.Mode, At: now,
		Token: fmt.Sprintf("%s/%d/%d", run.ID, i, len(step.Attempts)), ReloadID: step.Result.ReloadID,
	}
	if step.Mode == PublishUnknown && command.Step.Action == rules.Publish && command.Step.Args.Target != "" {
		command.Mode = PublishReplace
	}
	switch t.want {
	case KindReconcile:
		command.Since = step.lostSince()
	case KindResolve:
		command.Cause, command.Results = run.Causes.Last, run.results()
	case KindCancel:
		step.CancelAt = now
		s.touch(t)
	}
	return command
}

// begin writes down that a step is about to be called.
func (s *Scheduler) begin(t *task, i int, now time.Time) {
	run := t.run
	if run.State != RunRunning {
		moveRun(run, RunRunning)
		run.Started = now
		s.closeGathering(t)
	}
	step := &run.Steps[i]
	moveStep(step, StepCalling)
	step.NotBefore = time.Time{}
	step.Attempts = append(step.Attempts, Attempt{CalledAt: now, QlikTime: s.clock(now), Sent: true})
	s.touch(t)
}

func (s *Scheduler) closeGathering(t *task) {
	key := t.run.Rule + "\x00" + t.run.Plan.Key
	if s.joinable[key] == t {
		delete(s.joinable, key)
	}
}

// lostSince returns the earliest instant, on Qlik's clock, at which something that
// a lost attempt of this step made can have been created.
func (s *StepRecord) lostSince() time.Time {
	for _, attempt := range s.Attempts {
		if attempt.Lost {
			return attempt.QlikTime
		}
	}
	return time.Time{}
}

// takeLanes takes the lanes of all apps the run is known to touch, or none: then
// the run waits in the lane that was busy.
func (s *Scheduler) takeLanes(t *task) bool {
	if t.lanes != nil {
		return true
	}
	apps := t.run.Plan.Apps()
	for _, app := range apps {
		if l := s.lanes[app]; l != nil && l.holder != nil {
			l.waiting.enter(t)
			s.offer(apps)
			return false
		}
	}
	s.holdLanes(t, apps)
	return true
}

func (s *Scheduler) holdLanes(t *task, apps []string) {
	t.lanes = apps
	for _, app := range apps {
		if s.lanes[app] == nil {
			s.lanes[app] = &lane{}
		}
		s.lanes[app].holder = t
	}
}

// freeLanes gives a run's lanes to those who wait for them.
func (s *Scheduler) freeLanes(t *task) {
	apps := t.lanes
	t.lanes = nil
	for _, app := range apps {
		if l := s.lanes[app]; l != nil && l.holder == t {
			l.holder = nil
		}
	}
	s.offer(apps)
}

// offer lets the first run that waits for each free lane try again.
func (s *Scheduler) offer(apps []string) {
	for _, app := range apps {
		l := s.lanes[app]
		switch {
		case l == nil || l.holder != nil:
		case len(l.waiting) == 0:
			delete(s.lanes, app)
		default:
			s.enqueue(l.waiting[0])
		}
	}
}
