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

	tasks    map[string]*task          // every run not yet ended and told, by id
	joinable map[gathering]*task       // by rule and gather key
	plans    map[gathering]*rules.Plan // that runs share
	lanes    map[string]*lane          // by app
	reserved map[*task][]string        // apps of several that are kept for a run
	quota    map[qlik.Class]*window
	queues   map[qlik.Class]*queue
	resolves queue
	wakes    wakes
	gate     gate
	pauses   map[paused]Pause
	repaused bool // pauses changed
	caughtUp bool
	cursor   uint64
	touched  []*task
	spread   spread
	restored Restoration
	admitted map[string]uint64 // the newest event that each rule's runs hold
	reloads  map[string]*task  // by the reload that a run waits for
	ours     *memory           // reloads known to be some attempt's
	pushed   *memory           // reloads Qlik said had ended, which nobody waited for yet
	apps     map[string]*AppRecord
	learned  map[string]bool    // apps whose records changed
	blocks   []Block            // calls set aside
	left     map[qlik.Class]int // of the open blocks
	opened   bool               // blocks changed
	foreign  *foreigners        // reloads that others started
	namers   namers             // apps whose names are to be found out
	twins    twins
	outbox   []events.Outcome      // what has no run
	unsaved  bool                  // outbox changed
	told     int                   // tenant events told under this epoch
	offered  int                   // how often a free lane was offered to a run
	seen     func(from, to string) // told of every move of a run or step; for tests
}

// Names are what run ids and outcomes are made of.
type Names struct {
	Tenant  string
	URL     string    // of the tenant, for links in outcomes
	Journal time.Time // when the journal was created
	Epoch   uint64    // of the dispatcher: makes the ids of tenant events new
}

// classes is the order in which the quotas are served: reads first, since they
// free lanes.
func classes() []qlik.Class {
	return []qlik.Class{qlik.ClassRead, qlik.ClassReload, qlik.ClassWrite}
}

// mostRemembered bounds what is remembered of reloads, our own and pushed ones.
const mostRemembered = 4096

// A Snapshot is what the ledger holds of a tenant.
type Snapshot struct {
	Active []*Run // not ended, or ended and not told
	Recent []*Run // ended within the last quota window
	Outbox []events.Outcome
	Apps   []AppRecord
	Blocks []Block
	Pauses []Pause
	Cursor uint64

	Foreign  []Foreign
	Restored Restoration // the zero value when the store never was
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
		cursor: held.Cursor, outbox: held.Outbox, unsaved: len(held.Outbox) > 0, restored: held.Restored,
		tasks: map[string]*task{}, joinable: map[gathering]*task{}, plans: map[gathering]*rules.Plan{}, lanes: map[string]*lane{}, reserved: map[*task][]string{},
		quota: map[qlik.Class]*window{}, queues: map[qlik.Class]*queue{},
		admitted: map[string]uint64{}, reloads: map[string]*task{},
		ours: newMemory(mostRemembered), pushed: newMemory(mostRemembered),
		apps: map[string]*AppRecord{}, learned: map[string]bool{}, left: map[qlik.Class]int{},
		foreign: newForeigners(held.Foreign), pauses: map[paused]Pause{}, namers: namers{queued: map[string]bool{}},
		twins: twins{},
	}
	s.adoptPauses(held.Pauses)
	s.recallApps(held.Apps)
	for _, class := range classes() {
		s.quota[class] = &window{rate: limits.Quota[class], limit: limits.Parallel[class], grace: limits.Grace, late: limits.late(class)}
		s.queues[class] = &queue{}
	}
	s.recallBlocks(held.Blocks, now)
	for _, run := range held.Recent {
		s.recall(run, now)
	}
	for _, run := range held.Active {
		s.recall(run, now)
	}
	s.recallBudgets(now)
	for _, run := range held.Active {
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
	s.considerAll(now)
}

// Next returns the command to carry out now, or the time to ask again; the zero
// time means that only an answer or an event can change anything. It does no I/O
// and never blocks.
func (s *Scheduler) Next(now time.Time) (Command, time.Time) {
	lift := s.lift(now)
	for len(s.wakes) > 0 && !s.wakes[0].wake.After(now) {
		s.consider(s.wakes[0], now)
	}
	if len(s.resolves) > 0 {
		return s.issue(heap.Pop(&s.resolves).(*task), now), now
	}
	again := lift
	if len(s.wakes) > 0 {
		again = earlier(again, s.wakes[0].wake)
	}
	if s.gate.closed {
		return s.probe(now, again)
	}
	for offered := -1; offered != s.offered; {
		offered = s.offered // a run that cannot go on may let one of another class
		for _, class := range classes() {
			if command, ok := s.serve(class, now, &again); ok {
				return command, now
			}
		}
	}
	if len(s.wakes) > 0 {
		again = earlier(again, s.wakes[0].wake) // of a step that is in doubt
	}
	command, again := s.look(now, again)
	if command.Kind != KindNone {
		return command, again
	}
	return s.askName(now, again)
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
		if s.tooSoon(t, now) {
			s.consider(t, now)
			continue
		}
		if s.outdated(t, now) {
			s.consider(t, now)
			s.offered++ // it waits in another class now
			continue
		}
		t.leave()
		if t.want == KindCall && !s.takeLanes(t) {
			continue
		}
		if t.want == KindCall && t.inDoubt() {
			s.doubt(t, now)
			continue
		}
		s.quota[class].sent()
		s.setAside(class, t.want, now)
		return s.issue(t, now), true
	}
	return Command{}, false
}

// Touched returns the runs that changed since the last call, each once. Those of the
// last call are written by now, and the scheduler knows them no longer by what it
// returned then.
func (s *Scheduler) Touched() []*Run {
	s.spread.fold(len(s.tasks))
	runs := make([]*Run, len(s.touched))
	for i, t := range s.touched {
		t.touched = false
		t.run().Cursor = s.cursor
		runs[i] = t.run()
		s.spread.add(t)
	}
	clear(s.touched)
	s.touched = s.touched[:0]
	return runs
}

// Told says that a run's outbox was published. It returns true when the run has
// ended too, and forgets it but for what Learned returns.
func (s *Scheduler) Told(id string) bool {
	t := s.tasks[id]
	if t == nil {
		return false
	}
	t.run().Outbox = nil
	if !t.run().State.Ended() {
		return false
	}
	s.wakes.remove(t)
	s.learn(t.run())
	delete(s.tasks, id)
	return true
}

// touches returns how many runs changed since Touched was called.
func (s *Scheduler) touches() int { return len(s.touched) }

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
