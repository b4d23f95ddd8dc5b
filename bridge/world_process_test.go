package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A process is a dispatcher at work under one epoch, with a clock of its own.
type process struct {
	w      *world
	s      *Scheduler
	epoch  uint64
	offset time.Duration
	read   int  // entries of the journal
	last   int  // where the journal ended at take-over
	open   bool // its circuit breaker is
	flying []*flight
	dead   bool
}

// A flight is a command under way: not begun, or sent and not yet answered.
type flight struct {
	command Command
	sent    bool
	at      time.Time // when it was sent, true time
	report  Report
}

func newProcess(w *world, offset time.Duration) *process {
	held := w.snapshot()
	w.broken.corrupt(&held)
	p := &process{w: w, epoch: w.epoch, offset: offset, read: int(held.Cursor), last: len(w.journal)}
	names := Names{Tenant: "acme", URL: "https://acme.example", Journal: time.Unix(1_700_000_000, 0), Epoch: w.epoch}
	senses := Senses{
		Jitter: w.Float64,
		Clock: func(t time.Time) time.Time { // up to a second early, as the client promises
			return t.Add(-offset).Truncate(time.Second)
		},
	}
	p.s = NewScheduler(names, w.limits, senses, p.now(), held)
	p.s.seen, p.s.spread.few = w.seen, w.epoch%2 == 1
	if w.talks {
		w.say("epoch %d begins with %d runs, its clock off by %s", p.epoch, len(held.Active), offset)
	}
	return p
}

func (p *process) now() time.Time { return p.w.now.Add(p.offset) }

// admit reads a few entries of the journal.
func (p *process) admit(most int) {
	for ; most > 0 && p.read < len(p.w.journal); most-- {
		entry := p.w.journal[p.read]
		p.read++
		p.s.Pass(entry.cause.Sequence)
		if entry.foreign != "" {
			p.s.Foreign(p.now(), entry.cause, entry.foreign)
			continue
		}
		p.s.Admit(p.now(), entry.cause, entry.plan)
	}
	if p.read >= p.last {
		p.s.CaughtUp(p.now())
	}
}

// pump does what a term's loop does until nothing is left to do now. It may crash
// between any two writes.
func (p *process) pump() {
	for range 200 {
		if p.dead {
			return
		}
		if p.admit(3); p.w.broken == forgetsTwins {
			clear(p.s.twins)
		}
		commands := p.decide()
		change := Change{Active: p.s.Touched(), Cursor: p.s.Cursor(), Blocks: p.s.SetAside()}
		change.Outbox, change.Tell = p.s.TenantOutbox()
		change.Foreign, change.Look = p.s.Foreigners()
		change.Pauses, change.Paused = p.s.PausesChanged()
		if len(commands) == 0 && len(change.Active) == 0 && !change.Tell && !change.Look && !change.Paused {
			if p.read == len(p.w.journal) {
				return
			}
			continue
		}
		if !p.carryOut(commands, change) {
			return
		}
	}
	p.w.violated("I6", "the loop does not come to rest")
}

// decide collects the commands that may be carried out now.
func (p *process) decide() []Command {
	var commands []Command
	for {
		command, again := p.s.Next(p.now())
		if command.Kind == KindNone {
			if !again.IsZero() && !again.After(p.now()) {
				p.w.violated("I6", "asks again at once, for ever")
			}
			return commands
		}
		if (p.s.gate.closed || p.open) && command.calls() && command.Kind != KindProbe {
			p.w.violated("I7", "%s while the gate is closed", command.Kind)
		}
		commands = append(commands, command)
	}
}

// carryOut writes, calls, tells and forgets, in this order.
func (p *process) carryOut(commands []Command, change Change) bool {
	w := p.w
	if p.mayCrash(change) {
		return false
	}
	if !w.save(p, change) {
		p.die()
		return false
	}
	if p.mayCrash(Change{}) {
		return false
	}
	for _, command := range commands {
		p.allowed(command)
		p.flying = append(p.flying, &flight{command: command})
	}
	if change.Tell {
		w.publish(change.Outbox)
		p.s.TenantTold(len(change.Outbox))
	}
	var ended Change
	for _, run := range change.Active {
		if w.broken != tellsLate {
			w.publish(run.Outbox)
		}
		if p.s.Told(run.ID) {
			ended.Ended, ended.Cursor = append(ended.Ended, run), p.s.Cursor()
		}
	}
	ended.Apps = p.s.Learned()
	if p.mayCrash(ended) {
		return false
	}
	if len(ended.Ended)+len(ended.Apps) > 0 && !w.save(p, ended) {
		p.die()
		return false
	}
	return true
}

// mayCrash ends a live process now and then, in the middle of a write that has
// several parts.
func (p *process) mayCrash(change Change) bool {
	w := p.w
	if w.calm || p != w.live || w.crashes > 4 || !w.chance(60) {
		return false
	}
	if n := len(change.Active); n > 1 {
		w.save(p, Change{Active: before(change.Active[:w.IntN(n)], w.cursor)})
	}
	w.crash()
	return true
}

// die ends a process. A call that was just being sent may still arrive.
func (p *process) die() {
	p.dead = true
	for _, f := range p.flying {
		if !f.sent && p.w.chance(2) && f.command.Kind == KindCall && p.fresh(f.command) {
			p.w.tenant.send(f.command, p.w.now.Add(p.w.seconds(int(p.w.limits.Grace/time.Second))))
		}
	}
	p.flying = nil
	p.w.old = slices.DeleteFunc(p.w.old, func(q *process) bool { return q == p })
}

// fresh is the worker's refusal of commands that were decided too long ago.
func (p *process) fresh(command Command) bool {
	return p.now().Sub(command.At) <= p.w.limits.Bound || p.w.broken == callsLate
}

// act carries one command a little further: it is sent, or its answer comes.
func (p *process) act(f *flight) {
	if f.sent {
		p.answer(f)
		return
	}
	f.sent, f.at = true, p.w.now
	f.report = Report{Command: f.command, Sent: true, Began: p.now(), QlikTime: p.s.clock(p.now())}
	switch {
	case !p.fresh(f.command) && f.command.calls() && f.command.Kind != KindProbe:
		f.report.Sent, f.report.Verdict = false, Judge(errStalled, false)
	case p.open && f.command.calls() && f.command.Kind != KindProbe:
		f.report.Sent, f.report.Verdict = false, Judge(qlik.ErrOpen, false)
	default:
		p.w.tenant.carryOut(f)
	}
}

// answer brings the answer to a command back to the scheduler.
func (p *process) answer(f *flight) {
	p.flying = slices.DeleteFunc(p.flying, func(g *flight) bool { return g == f })
	if f.report.Reload != nil {
		reload := *f.report.Reload
		f.report.Reload = &reload
		if p.w.broken == believesFailures && reload.Status == qlik.ReloadFailed {
			f.report.Reload.Status = qlik.ReloadSucceeded
		}
		if p.w.broken == doubtsSuccesses && reload.Status == qlik.ReloadSucceeded {
			f.report.Reload.Status = qlik.ReloadFailed
		}
	}
	if p.w.talks {
		p.w.say("%s of %s is answered: %s %s", f.command.Kind, owner(f.command), f.report.Verdict.Kind, f.report.Verdict.Reason)
	}
	p.s.Done(p.now(), f.report)
	if f.command.Kind == KindProbe && f.report.Verdict.Kind == VerdictDone {
		p.open = false
	}
	p.breaker(p.open)
	if t := p.s.tasks[f.command.Run]; t != nil && p.w.broken == forgetsToWake && p.w.chance(50) {
		p.s.wakes.remove(t)
	}
}

// timeouts answers the calls that have waited for longer than a call may.
func (p *process) timeouts() {
	for _, f := range slices.Clone(p.flying) {
		limit := p.w.limits.timeout(f.command.Step.Action)
		if f.sent && p.w.now.Sub(f.at) > limit {
			p.answer(f)
		}
	}
}

// breaker tells the scheduler how the tenant's breaker stands.
func (p *process) breaker(open bool) {
	p.open = open
	p.s.Breaker(p.now(), open, p.now().Add(30*time.Second), Verdict{Reason: events.ReasonServerError})
	if p.w.broken == ignoresBreaker {
		p.s.gate = gate{}
	}
}
