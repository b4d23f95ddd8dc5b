package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A Cause is one event of the journal, as far as a run needs to know it.
type Cause struct {
	Sequence uint64
	ID       string    // CloudEvents id
	Source   string    // configured source that it came through
	Time     time.Time // when the journal took it
	Trace    string    // traceparent, if it had one
	Revision uint64    // of the configuration that routed it
	Hops     int       // our own runs that led to it; see events.Heard

	Callback *events.Callback // who waits for the end; nil = nobody
}

// Admit joins the event to a run of the same rule and key that has not called
// anything yet, or opens one, and returns the run's id and whether it was opened.
// An event admitted before changes nothing; its id is then empty.
func (s *Scheduler) Admit(now time.Time, cause Cause, plan rules.Plan) (id string, opened bool) {
	if cause.Sequence <= s.admitted[plan.Rule] {
		return "", false
	}
	s.admitted[plan.Rule] = cause.Sequence
	key := gatherKey(&plan)
	t := s.joinable[key]
	if s.late(t, cause, now) || t != nil && !s.restored.joins(cause.Sequence, t.run()) {
		t = nil
	}
	if t == nil || plan.Gather.None {
		t, opened = s.open(cause, &plan), true
	} else {
		s.replan(t, &plan)
	}
	t.run().Causes.Add(cause.Sequence, cause.ID)
	t.run().Causes.From(cause.Source)
	t.run().take(cause, plan.Join)
	t.run().Hops = max(t.run().Hops, cause.Hops)
	t.run().Newest, t.run().Revision = cause.Time, cause.Revision
	s.touch(t)
	s.wonder(t.run(), now)
	if cause.Callback != nil {
		t.run().Callbacks = append(t.run().Callbacks, *cause.Callback)
	}
	if plan.Gather.None || t.run().full() {
		s.closeGathering(t)
	} else {
		s.joinable[key] = t
	}
	s.consider(t, now)
	return t.run().ID, opened
}

// A gathering tells apart the runs that events may join.
type gathering struct{ rule, key string }

func gatherKey(plan *rules.Plan) gathering { return gathering{plan.Rule, plan.Key} }

// closeGathering lets no further event join a run.
func (s *Scheduler) closeGathering(t *task) {
	if key := gatherKey(t.run().Plan); s.joinable[key] == t {
		delete(s.joinable, key)
	}
}

// Pass moves the cursor over an event once every rule it matched was admitted or
// dead-lettered.
func (s *Scheduler) Pass(sequence uint64) { s.cursor = max(s.cursor, sequence) }

func (s *Scheduler) open(cause Cause, plan *rules.Plan) *task {
	run := &Run{
		Schema: recordSchema, ID: RunID(s.restored.Journal(s.names.Journal, cause.Sequence), cause.Sequence, plan.Tenant, plan.Rule),
		Tenant: plan.Tenant, Rule: plan.Rule, Revision: cause.Revision, State: RunGathering,
		Plan: s.share(plan), Steps: newSteps(plan), Opened: cause.Time, Newest: cause.Time, Trace: cause.Trace,
	}
	if s.restored.covers(cause.Sequence) {
		run.Restored = s.restored.Taken
	}
	t := &task{full: run, wakeI: -1}
	s.tasks[run.ID] = t
	s.rank(t)
	return t
}

// rank gives a run its place: the oldest first, where a priority below high counts
// as having come so much later. So one run overtakes another of a higher priority,
// or is overtaken, by no more than Limits.Patience for each step between them, and
// none waits for ever.
func (s *Scheduler) rank(t *task) {
	rank := t.run().Opened.Add(time.Duration(t.run().Plan.Priority) * s.limits.Patience)
	if rank := instantOf(rank); rank != t.rank {
		s.withdraw(t)
		t.rank = rank
	}
}

func newSteps(plan *rules.Plan) []StepRecord {
	steps := make([]StepRecord, len(plan.Steps))
	for i := range steps {
		steps[i].State = StepWaiting
	}
	return steps
}

// replan gives a run that has called nothing yet the plan of its newest cause. What
// was found out for the old plan is kept where the new one asks for the same.
func (s *Scheduler) replan(t *task, plan *rules.Plan) {
	run := t.run()
	if !adopt(run, plan) {
		s.withdraw(t)
		wait := run.Steps[0]
		run.Steps = newSteps(plan)
		run.Steps[0].NotBefore, run.Steps[0].Waits = wait.NotBefore, wait.Waits
	}
	run.Plan, run.Bound = s.share(plan), false
	s.rank(t)
}

// adopt fills the published apps that were found into a new plan, and says whether
// it has the same steps with the same apps and spaces as the run's.
func adopt(run *Run, plan *rules.Plan) bool {
	if len(plan.Steps) != len(run.Steps) {
		return false
	}
	for i := range plan.Steps {
		old, step := run.Plan.Steps[i], &plan.Steps[i]
		found := run.Steps[i].Mode == PublishReplace && step.Args.Target == ""
		if old.Action != step.Action || old.Turn != step.Turn || !sameApp(old.Args, step.Args) || old.Args.Target != step.Args.Target && !found {
			return false
		}
		if found {
			plan.Steps = slices.Clone(plan.Steps) // the caller's stay as they are
			plan.Steps[i].Args.Target = old.Args.Target
		}
	}
	return true
}

// sameApp says whether two steps touch the same app in the same space.
func sameApp(a, b rules.Args) bool { return a.App == b.App && a.Space == b.Space }
