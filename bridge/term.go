package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A term is a dispatcher at work under one tenure. One goroutine owns it.
type term struct {
	d         *Dispatcher
	tenure    *Tenure
	scheduler *Scheduler
	entries   chan events.Entry
	reports   chan Report
	orders    chan request
	pushes    chan string   // ids of reloads that Qlik says are over
	pushed    time.Time     // when the last of them came
	obeyed    []func(error) // answers that wait until the change is written
	flying    int           // commands under way
	calls     sync.WaitGroup
	unwritten time.Time // since when events are admitted that the ledger does not know of; zero = none are
	urgent    bool      // there is more to write than these
	last      uint64    // where the journal ended at take-over
	saved     uint64    // the cursor as the ledger has it
	log       zerolog.Logger
}

// loop works until ctx ends and what is in hand is done, or until work ends.
func (t *term) loop(ctx, work context.Context) error {
	t.catchUp(t.scheduler.Cursor())
	timer := time.NewTimer(0)
	defer timer.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	entries, done := t.entries, ctx.Done()
	for {
		var commands []Command
		var again time.Time
		t.attend()
		if done != nil {
			commands, again = t.decide()
		}
		t.d.cfg.Metrics.stands(t.d.cfg.Tenant, true, t.scheduler.gate.status())
		if until := t.mayWait(commands); !until.IsZero() {
			again = earlier(again, until)
		} else if err := t.carryOut(work, commands); err != nil {
			return err
		}
		if done == nil && t.flying == 0 {
			return nil
		}
		if !again.IsZero() {
			timer.Reset(time.Until(again))
		}
		select {
		case <-work.Done():
			return context.Cause(work)
		case entry := <-entries:
			if err := t.admit(work, entry); err != nil {
				return err
			}
			continue
		case <-done:
			entries, done = nil, nil
		case report := <-t.reports:
			t.take(report)
		case asked := <-t.orders:
			t.obey(asked)
		case reload := <-t.pushes:
			t.settled(reload)
		case <-sweep.C:
			t.sweep(work)
		case <-timer.C:
		}
		t.urgent = true
	}
}

// decide collects every command that may be carried out now.
func (t *term) decide() (commands []Command, again time.Time) {
	for {
		command, at := t.scheduler.Next(time.Now())
		if command.Kind == KindNone {
			return commands, at
		}
		commands = append(commands, command)
	}
}

// carryOut writes what changed, then starts the commands, then tells the outcomes.
func (t *term) carryOut(work context.Context, commands []Command) error {
	change := Change{Active: t.scheduler.Touched(), Cursor: t.moved(), Blocks: t.scheduler.SetAside()}
	change.Outbox, change.Tell = t.scheduler.TenantOutbox()
	change.Foreign, change.Look = t.scheduler.Foreigners()
	change.Pauses, change.Paused = t.scheduler.PausesChanged()
	if err := t.save(work, change); err != nil {
		return err
	}
	for _, answer := range t.obeyed {
		answer(nil)
	}
	t.obeyed = nil
	for _, command := range commands {
		t.start(work, command)
	}
	if change.Tell {
		if err := t.tell(work, change.Outbox); err != nil {
			return err
		}
		t.scheduler.TenantTold(len(change.Outbox))
	}
	var ended Change
	for _, run := range change.Active {
		if err := t.tell(work, run.Outbox); err != nil {
			return err
		}
		if err := t.callBack(work, run); err != nil {
			return err
		}
		if t.scheduler.Told(run.ID) {
			t.d.cfg.Metrics.ended(run)
			t.tracedRun(run)
			ended.Ended, ended.Cursor = append(ended.Ended, run), t.scheduler.Cursor()
		}
	}
	ended.Apps = t.scheduler.Learned()
	return t.save(work, ended)
}

// moved returns the cursor if the ledger does not have it yet.
func (t *term) moved() uint64 {
	if cursor := t.scheduler.Cursor(); cursor > t.saved {
		return cursor
	}
	return 0
}

func (t *term) save(work context.Context, change Change) error {
	if err := t.tenure.Save(work, change); err != nil {
		return err
	}
	t.saved = max(t.saved, change.Cursor)
	return nil
}

// start has a command carried out beside the loop; its report comes back to it.
func (t *term) start(work context.Context, command Command) {
	t.flying++
	t.calls.Go(func() {
		select {
		case t.reports <- t.d.worker.do(work, command):
		case <-work.Done():
		}
	})
}

// take takes in a report, and how the breaker stands after it.
func (t *term) take(report Report) {
	t.flying--
	now := time.Now()
	t.d.cfg.Metrics.called(t.d.cfg.Tenant, report, now)
	t.logReport(report, now)
	t.tracedCall(report, now)
	t.scheduler.Done(now, report)
	state := t.d.breaker.State()
	t.scheduler.Breaker(now, state != qlik.StateClosed, t.d.breaker.ProbeAt(), report.Verdict)
}

// obey carries out an order; it is answered at once when refused, and else when
// the change is written.
func (t *term) obey(asked request) {
	if asked.order.Op == OpStatus {
		asked.show(t.scheduler.shown(asked.order.Run, time.Now()))
		return
	}
	err := t.scheduler.obey(time.Now(), asked.order)
	t.log.Info().Str("hop", "order").Str("op", string(asked.order.Op)).Str("run_id", asked.order.Run).
		Str("as", asked.order.As).Str("by", asked.order.By).AnErr("refused", err).Msg("an operator asked")
	if err != nil {
		asked.answer(err)
		return
	}
	t.obeyed = append(t.obeyed, asked.answer)
}

// tell publishes outcomes until they are acknowledged or work ends.
func (t *term) tell(work context.Context, outcomes []events.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	began := time.Now()
	err := t.persist(work, func() error { return t.d.cfg.Publisher.Publish(work, outcomes...) })
	if err != nil {
		return fmt.Errorf("publish outcomes: %w", err)
	}
	t.tracedOutcomes(outcomes, began)
	for _, outcome := range outcomes {
		t.d.cfg.Metrics.told(outcome)
		t.log.Info().Str("hop", "published").Str("type", outcome.Type).Str("event_id", outcome.ID).
			Str("run_id", outcome.CorrelationID).Msg("outcome published")
	}
	return nil
}

// callBack has those told who wait for the end of a run.
func (t *term) callBack(work context.Context, run *Run) error {
	if err := t.persist(work, func() error { return run.callBack(work, t.d.cfg.Publisher) }); err != nil {
		return fmt.Errorf("store callbacks: %w", err)
	}
	return nil
}

// callBack has those told who wait for the end of the run, once it has ended. Its
// outcome is the last in the outbox.
func (r *Run) callBack(ctx context.Context, by *events.Publisher) error {
	if !r.State.Ended() || len(r.Callbacks) == 0 || len(r.Outbox) == 0 {
		return nil
	}
	return by.CallBack(ctx, r.Outbox[len(r.Outbox)-1], r.Callbacks...)
}

// persist does a thing again until it works or work ends.
func (t *term) persist(work context.Context, do func() error) error {
	for wait := pauseShort; ; wait = min(2*wait, pauseLong) {
		err := do()
		if err == nil {
			return nil
		}
		t.log.Warn().Err(err).Dur("again_in", wait).Msg("the broker did not take it; trying again")
		if pause(work, wait) != nil {
			return errors.Join(err, context.Cause(work))
		}
	}
}

func (t *term) logReport(report Report, now time.Time) {
	command, verdict := report.Command, report.Verdict
	level := zerolog.InfoLevel
	if command.Kind == KindPoll || command.Kind == KindResolve || command.Kind == KindLook || command.Kind == KindName {
		level = zerolog.DebugLevel
	}
	line := t.log.WithLevel(level).Str("hop", command.Kind.String()).Str("run_id", command.Run).
		Str("step", command.Step.Name).Str("action", string(command.Step.Action)).Str("app_id", command.Step.Args.App).
		Str("verdict", string(verdict.Kind)).Dur("took", now.Sub(report.Began))
	if report.Reload != nil && report.Reload.ID != "" {
		line.Str("reload_id", report.Reload.ID).Str("status", string(report.Reload.Status))
	}
	if verdict.Kind != VerdictDone {
		line.Str("reason", string(verdict.Reason)).Str("error", verdict.Text)
	}
	line.Msg("asked Qlik")
}
