package bridge

import (
	"encoding/json"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A world is all that a scheduler touches, in virtual time: a journal, a ledger, a
// Qlik tenant and the calls under way. It may crash between any two writes.
type world struct {
	t       *rapid.T
	now     time.Time
	limits  Limits
	s       *Scheduler
	epoch   uint64
	journal []journaled

	active, ended map[string][]byte
	cursor        uint64
	outbox        []events.Outcome

	flying  []Command
	reloads []*worldReload
	calls   []time.Time       // when Qlik saw a start
	told    map[string]int    // by outcome id
	final   map[string]string // type of the run outcome, by run
	down    bool
	breaker bool // what the breaker says
	ids     int
	crashes int
}

type journaled struct {
	cause Cause
	plan  rules.Plan
}

type worldReload struct {
	qlik.Reload
	owner string // run and step
	ends  time.Time
	how   qlik.ReloadStatus
}

func newWorld(t *rapid.T) *world {
	limits := DefaultLimits()
	limits.Quota[qlik.ClassReload] = Rate{Calls: 5, Per: time.Minute}
	w := &world{
		t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), limits: limits,
		active: map[string][]byte{}, ended: map[string][]byte{}, told: map[string]int{}, final: map[string]string{},
	}
	w.boot()
	return w
}

// boot makes a scheduler from the ledger, as a take-over does, and reads the
// journal again from the cursor.
func (w *world) boot() {
	held := Snapshot{Cursor: w.cursor, Outbox: append([]events.Outcome(nil), w.outbox...)}
	for _, data := range w.active {
		held.Active = append(held.Active, w.decode(data))
	}
	for _, data := range w.ended {
		if run := w.decode(data); w.now.Sub(run.Ended) < 2*time.Minute {
			held.Recent = append(held.Recent, run)
		}
	}
	for _, run := range append(held.Active, held.Recent...) {
		held.Cursor = max(held.Cursor, run.Cursor)
	}
	w.epoch++
	names := Names{Tenant: "acme", URL: "https://acme.example", Journal: time.Unix(1_700_000_000, 0), Epoch: w.epoch}
	senses := Senses{Jitter: func() float64 { return 0.5 }, Clock: func(t time.Time) time.Time { return t }}
	w.s = NewScheduler(names, w.limits, senses, w.now, held)
	w.flying = nil
	for _, entry := range w.journal {
		w.admit(entry)
	}
	w.s.CaughtUp(w.now)
}

func (w *world) decode(data []byte) *Run {
	var run Run
	if err := json.Unmarshal(data, &run); err != nil {
		w.t.Fatalf("decode run: %v", err)
	}
	return &run
}

func (w *world) admit(entry journaled) {
	if entry.cause.Sequence <= w.s.Cursor() {
		return
	}
	w.s.Pass(entry.cause.Sequence)
	w.s.Admit(w.now, entry.cause, entry.plan)
}

// arrive puts an event into the journal and has it admitted.
func (w *world) arrive(plan rules.Plan) {
	w.ids++
	entry := journaled{Cause{Sequence: uint64(len(w.journal) + 1), ID: fmt.Sprint("e", w.ids), Time: w.now}, plan}
	w.journal = append(w.journal, entry)
	w.admit(entry)
}

// pump does what a term's loop does, and may crash at any of its writes.
func (w *world) pump(crash func() bool) {
	for range 100 {
		var commands []Command
		for {
			command, _ := w.s.Next(w.now)
			if command.Kind == KindNone {
				break
			}
			if w.s.gate.closed && command.Kind != KindProbe && command.Kind != KindResolve {
				w.t.Fatalf("I7: %s while the gate is closed", command.Kind)
			}
			commands = append(commands, command)
		}
		if crash() {
			w.reboot()
			return
		}
		touched := w.s.Touched()
		outbox, tell := w.s.TenantOutbox()
		if len(commands) == 0 && len(touched) == 0 && !tell {
			return
		}
		for _, run := range touched {
			w.active[run.ID] = w.encode(run)
		}
		w.cursor = w.s.Cursor()
		if tell {
			w.outbox = append([]events.Outcome(nil), outbox...)
		}
		if crash() {
			w.reboot()
			return
		}
		w.flying = append(w.flying, commands...)
		if !w.publish(touched, crash) {
			return
		}
		if tell {
			for _, outcome := range outbox {
				w.told[outcome.ID]++
			}
			w.s.TenantTold(len(outbox))
		}
	}
	w.t.Fatalf("the loop does not come to rest")
}

// publish tells the outcomes of runs and moves those that ended.
func (w *world) publish(touched []*Run, crash func() bool) bool {
	for _, run := range touched {
		for _, outcome := range run.Outbox {
			w.told[outcome.ID]++
			if run.State.Ended() && outcome.Key == run.ID {
				w.final[run.ID] = outcome.Type
			}
		}
		if crash() {
			w.reboot()
			return false
		}
		if w.s.Told(run.ID) {
			w.ended[run.ID] = w.encode(run)
			delete(w.active, run.ID)
		}
	}
	return true
}

func (w *world) encode(run *Run) []byte {
	data, err := json.Marshal(run)
	if err != nil {
		w.t.Fatalf("encode run: %v", err)
	}
	return data
}

// reboot loses everything but the journal, the ledger and Qlik. Calls that were
// under way may still reach Qlik: half of them do.
func (w *world) reboot() {
	w.crashes++
	lost := w.flying
	for i, command := range lost {
		if i%2 == 0 {
			w.qlik(command, w.now)
		}
	}
	w.breaker = false
	w.boot()
}

// qlik carries out a command at the tenant and says what it answers.
func (w *world) qlik(command Command, at time.Time) Report {
	report := Report{Command: command, Sent: true, Began: at, QlikTime: at}
	if w.down {
		report.Verdict = Judge(&qlik.Error{Status: 503, Sent: true}, command.Kind != KindCall)
		w.count(command, at)
		return report
	}
	report.Verdict = Verdict{Kind: VerdictDone}
	switch command.Kind {
	case KindCall:
		w.count(command, at)
		w.call(command, &report, at)
	case KindPoll:
		w.poll(command, &report, at)
	case KindReconcile:
		for _, r := range w.reloads {
			if r.AppID == command.Step.Args.App && !r.CreationTime.Before(command.Since.Add(-clockSlack)) {
				report.Listed = append(report.Listed, r.at(at))
			}
		}
	case KindCancel:
		w.count(command, at)
		for _, r := range w.reloads {
			if r.ID == command.ReloadID && at.Before(r.ends) {
				r.ends, r.how = at.Add(time.Second), qlik.ReloadCanceled
			}
		}
	}
	return report
}

func (w *world) count(command Command, at time.Time) {
	class, _ := command.class()
	if class != qlik.ClassReload {
		return
	}
	w.calls = append(w.calls, at)
	rate := w.limits.Quota[qlik.ClassReload]
	inside := 0
	for _, call := range w.calls {
		if at.Sub(call) < rate.Per {
			inside++
		}
	}
	if inside > rate.Calls {
		w.t.Fatalf("I4: %d reload calls within %s", inside, rate.Per)
	}
}

func (w *world) call(command Command, report *Report, at time.Time) {
	owner := fmt.Sprintf("%s/%d", command.Run, command.Index)
	for _, r := range w.reloads {
		if r.owner == owner {
			w.t.Fatalf("I2: step %s was started twice", owner)
		}
		if r.AppID == command.Step.Args.App && at.Before(r.ends) {
			w.t.Fatalf("I3: %s reloads app %s while %s does", owner, r.AppID, r.owner)
		}
	}
	w.ids++
	r := &worldReload{owner: owner, ends: at.Add(time.Duration(w.ids%7+1) * 5 * time.Second), how: qlik.ReloadSucceeded}
	if w.ids%5 == 0 {
		r.how = qlik.ReloadFailed
	}
	r.Reload = qlik.Reload{ID: fmt.Sprint("r", w.ids), AppID: command.Step.Args.App, Type: qlik.TypeExternal, CreationTime: at}
	w.reloads = append(w.reloads, r)
	now := r.at(at)
	report.Reload = &now
}

func (r *worldReload) at(now time.Time) qlik.Reload {
	reload := r.Reload
	reload.Status = qlik.ReloadReloading
	reload.StartTime = reload.CreationTime
	if !now.Before(r.ends) {
		reload.Status, reload.EndTime = r.how, r.ends
	}
	return reload
}

func (w *world) poll(command Command, report *Report, at time.Time) {
	for _, r := range w.reloads {
		if r.ID == command.ReloadID {
			now := r.at(at)
			report.Reload = &now
			return
		}
	}
	report.Verdict = Judge(&qlik.Error{Status: 404, Sent: true}, true)
}
