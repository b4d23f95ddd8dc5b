package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A world is all that dispatchers touch, in virtual time: a journal, a ledger with
// its fence, a Qlik tenant, and what subscribers were told. One seed decides all
// that happens in it.
type world struct {
	*rand.Rand
	now    time.Time     // true time, which is Qlik's
	skew   time.Duration // of the journal's clock
	limits Limits
	plans  []rules.Plan
	tenant *tenant

	journal []journaled
	epoch   uint64          // of the dispatcher that may write
	active  map[string]*Run // the ledger
	order   []string        // of the active runs
	ended   []*Run
	endedAt []time.Time     // of these, true time
	recent  map[string]*Run // ended, by id
	cursor  uint64
	outbox  []events.Outcome
	apps    map[string]AppRecord
	blocks  []Block
	foreign []Foreign
	pauses  []Pause

	backup   *backup
	restored Restoration

	live    *process
	old     []*process // displaced, and not yet aware of it
	told    map[string]string
	holds   map[string]bool // ids under which runs that are held have to be told
	crashes int
	jumped  bool // the clock of one process was not that of the one before
	calm    bool // faults have stopped
	broken  mutation
	talks   bool            // tells its story
	byHand  map[string]bool // runs that a person resolved
	seen    func(from, to string)
}

// A journaled event matched one rule.
type journaled struct {
	cause   Cause
	plan    rules.Plan
	foreign string // Qlik says that this reload is over; then it has no plan
}

// A violation is an invariant that does not hold.
type violation struct{ invariant, text string }

func (w *world) violated(invariant, format string, args ...any) {
	panic(violation{invariant, fmt.Sprintf(format, args...)})
}

func newWorld(seed uint64, broken mutation, seen func(from, to string)) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		active: map[string]*Run{}, apps: map[string]AppRecord{}, recent: map[string]*Run{}, told: map[string]string{}, holds: map[string]bool{}, byHand: map[string]bool{}, broken: broken, seen: seen, talks: *historyOf != 0,
	}
	w.limits = DefaultLimits()
	w.limits.Slow, w.limits.Poll = time.Minute, 5*time.Second
	w.limits.Quota = map[qlik.Class]Rate{
		qlik.ClassReload: {5, time.Minute}, qlik.ClassWrite: {4, time.Minute}, qlik.ClassRead: {[]int{20, 1000}[w.IntN(2)], time.Minute},
	}
	if w.chance(2) {
		w.limits.Apps = map[string]AppLimit{"app-a": {MinInterval: 3 * time.Minute}, "app-b": {DailyBudget: 1 + w.IntN(4)}}
		w.limits.DailyBudget = 4 + w.IntN(20)
	}
	w.plans = worldPlans(w.Rand)
	w.tenant = newTenant(w)
	switch broken {
	case believesLists:
		w.limits.Lag, w.tenant.lag = 0, time.Minute
	case believesDenials:
		w.limits.Young = 0
	}
	w.boot()
	return w
}

// say tells what happens in a history that is repeated.
func (w *world) say(format string, args ...any) {
	fmt.Printf(w.now.Format("15:04:05.000 ")+format+"\n", args...)
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.IntN(n) == 0 }

// seconds returns up to so many of them.
func (w *world) seconds(most int) time.Duration {
	return time.Duration(w.IntN(most*1000)) * time.Millisecond
}

// arrive puts an event into the journal.
func (w *world) arrive(plan rules.Plan) {
	plan.Steps = slices.Clone(plan.Steps)
	sequence := uint64(len(w.journal) + 1)
	cause := Cause{Sequence: sequence, ID: fmt.Sprint("e", sequence), Source: fmt.Sprint("s", sequence%3), Time: w.now.Add(w.skew), Hops: w.IntN(3)}
	if sequence%3 == 0 {
		cause.Callback = &events.Callback{URL: cause.ID}
	}
	w.journal = append(w.journal, journaled{cause: cause, plan: plan})
}

// hearsay puts into the journal that a reload is over, true or not.
func (w *world) hearsay(reload string) {
	w.arrive(rules.Plan{})
	w.journal[len(w.journal)-1].foreign = reload
}

// pass lets time go by: calls on their way arrive, those without an answer time out.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.tenant.arrivals()
	for _, p := range append(slices.Clone(w.old), w.live) {
		p.timeouts()
	}
}

// boot starts a process on what the ledger holds. Its clock may differ from that of
// the one before.
func (w *world) boot() {
	offset := time.Duration(0)
	if w.live != nil {
		offset = w.live.offset
	}
	if w.chance(4) && !w.calm {
		offset = []time.Duration{-time.Hour, -3 * time.Second, 3 * time.Second, 30 * time.Minute}[w.IntN(4)]
	}
	if w.live != nil && offset > w.live.offset {
		w.tenant.forgetCalls() // a clock set forward makes the calls it recorded look older
	}
	w.jumped = w.jumped || w.live != nil && offset != w.live.offset
	w.epoch++
	w.live = newProcess(w, offset)
}

// crash ends the live process at once. A call that was being sent may arrive.
func (w *world) crash() {
	w.crashes++
	w.live.die()
	w.boot()
}

// displace gives the lease to another process; the old one does not know yet.
func (w *world) displace() {
	w.old = append(w.old, w.live)
	w.boot()
}

// snapshot is what a take-over loads. Some crashes read it back from JSON.
func (w *world) snapshot() Snapshot {
	read := cloneRun
	if w.chance(16) {
		read = w.fromJSON
	}
	held := Snapshot{Cursor: w.cursor, Outbox: slices.Clone(w.outbox), Foreign: slices.Clone(w.foreign), Blocks: slices.Clone(w.blocks), Pauses: slices.Clone(w.pauses), Restored: w.restored}
	for _, id := range w.order {
		held.Active = append(held.Active, read(w.active[id]))
	}
	for i, run := range w.ended {
		if w.now.Sub(w.endedAt[i]) < 2*time.Minute || !w.restored.At.IsZero() && w.endedAt[i].After(w.restored.Taken.Add(-keptInMind)) {
			held.Recent = append(held.Recent, read(run))
		}
	}
	for _, app := range slices.Sorted(maps.Keys(w.apps)) {
		held.Apps = append(held.Apps, w.apps[app])
	}
	for _, run := range slices.Concat(held.Active, held.Recent) {
		held.Cursor = max(held.Cursor, run.Cursor)
	}
	return held
}

func (w *world) fromJSON(run *Run) *Run {
	data, err := json.Marshal(run)
	if err != nil {
		w.violated("codec", "encode run: %v", err)
	}
	var out Run
	if err := json.Unmarshal(data, &out); err != nil {
		w.violated("codec", "decode run: %v", err)
	}
	return &out
}

// cloneRun copies what the scheduler may change later.
func cloneRun(run *Run) *Run {
	out := *run
	out.Steps = slices.Clone(run.Steps)
	for i := range out.Steps {
		out.Steps[i].Attempts = slices.Clone(run.Steps[i].Attempts)
	}
	out.Causes.Delta = slices.Clone(run.Causes.Delta)
	out.Causes.Head, out.Causes.Tail = slices.Clone(run.Causes.Head), slices.Clone(run.Causes.Tail)
	out.Outbox = slices.Clone(run.Outbox)
	return &out
}

// save is a write to the ledger. It is refused when the epoch is over; a crash may
// leave all but its last part behind.
func (w *world) save(p *process, change Change) bool {
	if p.epoch != w.epoch && w.broken != noFence {
		return false
	}
	for _, run := range change.Active {
		if w.broken == losesRuns && w.chance(20) {
			continue
		}
		before, known := w.active[run.ID]
		if !known {
			w.order = append(w.order, run.ID)
		}
		for i := range run.Steps {
			if known && len(before.Steps) == len(run.Steps) && run.Steps[i].Counted < before.Steps[i].Counted {
				w.violated("I6", "step %d of run %s forgets what was tried", i, run.ID)
			}
		}
		w.active[run.ID] = cloneRun(run)
		if run.State == RunHeld {
			w.holds[holdOf(run)] = true
		}
	}
	for _, run := range change.Ended {
		if _, twice := w.recent[run.ID]; twice {
			w.violated("I1", "run %s ended twice", run.ID)
		}
		w.recent[run.ID] = cloneRun(run)
		w.ended, w.endedAt = append(w.ended, w.recent[run.ID]), append(w.endedAt, w.now)
		delete(w.active, run.ID)
		w.order = slices.DeleteFunc(w.order, func(id string) bool { return id == run.ID })
	}
	if change.Blocks != nil {
		w.blocks = slices.Clone(change.Blocks)
	}
	for _, record := range change.Apps {
		w.apps[record.App] = record
	}
	w.cursor = max(w.cursor, change.Cursor)
	if change.Paused {
		w.pauses = slices.Clone(change.Pauses)
	}
	if change.Tell {
		w.outbox = slices.Clone(change.Outbox)
	}
	if change.Look {
		w.foreign = slices.Clone(change.Foreign)
	}
	return true
}

// holdOf is the id under which a held run has to be told: one for each hold.
func holdOf(run *Run) string {
	i := run.current()
	return fmt.Sprintf("%s/%s/%d/run.held", run.ID, run.Plan.Steps[i].Name, run.Steps[i].Tried)
}

// publish tells subscribers outcomes, whose ids must not change their meaning.
func (w *world) publish(outcomes []events.Outcome) {
	for _, outcome := range outcomes {
		if before, again := w.told[outcome.ID]; again && before != outcome.Type {
			w.violated("I5", "outcome %s was %s and is now %s", outcome.ID, before, outcome.Type)
		}
		w.told[outcome.ID] = outcome.Type
	}
}
