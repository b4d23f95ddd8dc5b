package bridge

import (
	"container/heap"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A Scheduler decides what a tenant's dispatcher does next. It is a state machine:
// no I/O, no goroutine, no clock. Everything that must be written before its
// effect is in Touched when Next returns a command.
type Scheduler struct {
	limits Limits
	names  Names
	jitter func() float64            // in [0,1)
	clock  func(time.Time) time.Time // our time on Qlik's clock

	tasks    map[string]*task // every run not yet ended and told, by id
	joinable map[string]*task // by rule and gather key
	lanes    map[string]*lane // by app
	quota    map[qlik.Class]*window
	queues   map[qlik.Class]*queue
	resolves queue
	wakes    wakes
	gate     gate
	caughtUp bool
	cursor   uint64
	touched  []*task
	claims   map[string][]string // the newest reloads known to be ours, by app
	outbox   []events.Outcome    // what has no run
	unsaved  bool                // outbox changed
	told     int                 // tenant events told under this epoch
	stats    Stats
}

// Names are what run ids and outcomes are made of.
type Names struct {
	Tenant  string
	URL     string    // of the tenant, for links in outcomes
	Journal time.Time // when the journal was created
	Epoch   uint64    // of the dispatcher: makes the ids of tenant events new
}

// Stats count what the scheduler has done since it was made.
type Stats struct {
	Admitted, Opened, Joined int
}

// classes is the order in which the quotas are served: reads first, since they
// free lanes.
func classes() []qlik.Class {
	return []qlik.Class{qlik.ClassRead, qlik.ClassReload, qlik.ClassWrite}
}

// A Snapshot is what the ledger holds of a tenant.
type Snapshot struct {
	Active []*Run // not ended, or ended and not told
	Recent []*Run // ended within the last quota window
	Outbox []events.Outcome
	Cursor uint64
}

// Senses are how a scheduler perceives what it must not ask for itself.
type Senses struct {
	Jitter func() float64            // a random number in [0,1)
	Clock  func(time.Time) time.Time // our time on Qlik's clock
}

// NewScheduler makes a scheduler from what the ledger holds. Calls found under way
// are lost until reconcile has found out about them.
func NewScheduler(names Names, limits Limits, senses Senses, now time.Time, held Snapshot) *Scheduler {
	s := &Scheduler{
		limits: limits, jitter: senses.Jitter, clock: senses.Clock, names: names,
		cursor: held.Cursor, outbox: held.Outbox,
		tasks: map[string]*task{}, joinable: map[string]*task{}, lanes: map[string]*lane{},
		quota: map[qlik.Class]*window{}, queues: map[qlik.Class]*queue{}, claims: map[string][]string{},
	}
	for _, class := range classes() {
		s.quota[class] = &window{rate: limits.Quota[class], limit: limits.Parallel[class]}
		s.queues[class] = &queue{}
	}
	for _, run := range held.Recent {
		s.seedQuota(run, now)
	}
	for _, run := range held.Active {
		s.seedQuota(run, now)
		s.restore(run, now)
	}
	return s
}

// Cursor returns the journal sequence up to which every event is admitted.
func (s *Scheduler) Cursor() uint64 { return s.cursor }

// CaughtUp tells the scheduler that the journal was read to where it ended at
// take-over: from now on gathering runs may start.
func (s *Scheduler) CaughtUp(now time.Time) {
	if s.caughtUp {
		return
	}
	s.caughtUp = true
	for _, t := range s.tasks {
		s.consider(t, now)
	}
}

// A Cause is one event of the journal, as far as a run needs to know it.
type Cause struct {
	Sequence uint64
	ID       string    // CloudEvents id
	Time     time.Time // when the journal took it
	Trace    string    // traceparent, if it had one
	Revision uint64    // of the configuration that routed it
}

// Admit joins the event to a run of the same rule and key that has not called
// anything yet, or opens one, and returns the run's id and whether it was opened.
// An event admitted before changes nothing.
func (s *Scheduler) Admit(now time.Time, cause Cause, plan rules.Plan) (id string, opened bool) {
	s.stats.Admitted++
	key := plan.Rule + "\x00" + plan.Key
	t := s.joinable[key]
	if t == nil || plan.Gather.None {
		t = s.open(cause, plan)
		opened = true
	}
	if t.run.Causes.Add(cause.Sequence, cause.ID) {
		t.run.Newest = cause.Time
		t.run.Plan, t.run.Revision = plan, cause.Revision
		s.touch(t)
	}
	switch {
	case plan.Gather.None || t.run.Causes.Count >= maxCauses:
		delete(s.joinable, key)
	default:
		s.joinable[key] = t
	}
	if opened {
		s.stats.Opened++
	} else {
		s.stats.Joined++
	}
	s.consider(t, now)
	return t.run.ID, opened
}

// Pass moves the cursor over an event once every rule it matched was admitted or
// dead-lettered.
func (s *Scheduler) Pass(sequence uint64) { s.cursor = max(s.cursor, sequence) }

func (s *Scheduler) open(cause Cause, plan rules.Plan) *task {
	run := &Run{
		Schema: recordSchema, ID: RunID(s.names.Journal, cause.Sequence, plan.Tenant, plan.Rule),
		Tenant: plan.Tenant, Rule: plan.Rule, Revision: cause.Revision, State: RunGathering,
		Plan: plan, Steps: make([]StepRecord, len(plan.Steps)),
		Opened: cause.Time, Newest: cause.Time, Trace: cause.Trace,
	}
	for i := range run.Steps {
		run.Steps[i].State = StepWaiting
	}
	t := &task{run: run, wakeI: -1}
	s.tasks[run.ID] = t
	return t
}

// Next returns the command to carry out now, or the time to ask again; the zero
// time means that only an answer or an event can change anything. It does no I/O
// and never blocks.
func (s *Scheduler) Next(now time.Time) (Command, time.Time) {
	for len(s.wakes) > 0 && !s.wakes[0].wake.After(now) {
		s.consider(s.wakes[0], now)
	}
	if len(s.resolves) > 0 {
		return s.issue(heap.Pop(&s.resolves).(*task), now), now
	}
	var again time.Time
	if len(s.wakes) > 0 {
		again = s.wakes[0].wake
	}
	if s.gate.closed {
		return s.probe(now, again)
	}
	for _, class := range classes() {
		if command, ok := s.serve(class, now, &again); ok {
			return command, now
		}
	}
	return Command{}, again
}

// serve issues the first call of a class that quota and lanes allow.
func (s *Scheduler) serve(class qlik.Class, now time.Time, again *time.Time) (Command, bool) {
	waiting := s.queues[class]
	for len(*waiting) > 0 {
		at, ok := s.quota[class].next(now)
		if !ok {
			return Command{}, false
		}
		if at.After(now) {
			*again = earlier(*again, at)
			return Command{}, false
		}
		t := (*waiting)[0]
		t.leave()
		if t.want == KindCall && !s.takeLanes(t) {
			continue
		}
		s.quota[class].sent()
		return s.issue(t, now), true
	}
	return Command{}, false
}

// Touched returns the runs that changed since the last call, each once.
func (s *Scheduler) Touched() []*Run {
	runs := make([]*Run, len(s.touched))
	for i, t := range s.touched {
		t.touched = false
		t.run.Cursor = s.cursor
		runs[i] = t.run
	}
	s.touched = s.touched[:0]
	return runs
}

// Told says that a run's outbox was published. It returns true when the run has
// ended too, and forgets it.
func (s *Scheduler) Told(id string) bool {
	t := s.tasks[id]
	if t == nil {
		return false
	}
	t.run.Outbox = nil
	if !t.run.State.Ended() {
		return false
	}
	s.wakes.remove(t)
	delete(s.tasks, id)
	return true
}

func (s *Scheduler) touch(t *task) {
	if !t.touched {
		t.touched = true
		s.touched = append(s.touched, t)
	}
}

// earlier returns the earlier of two times, where zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
