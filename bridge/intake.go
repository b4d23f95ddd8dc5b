package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// Events are admitted together, so that the ledger is written once for all that they
// did to a run.
const (
	manyWait    = 256                   // events behind one that are worth to wait for
	admitFor    = 50 * time.Millisecond // how long before the next write
	mostTouched = 200                   // runs that they touch: those of one atomic batch of the ledger

	admitForPushed    = 5 * time.Millisecond // while pushes come
	mostTouchedPushed = 10
)

// admit takes events of the journal, the given one and those that wait behind it, until
// there is a report or a push to attend to.
func (t *term) admit(work context.Context, entry events.Entry) error {
	runs, within := t.room()
	began, enough := time.Now(), time.NewTimer(within)
	defer enough.Stop()
	for {
		if err := t.admitOne(work, entry); err != nil {
			return err
		}
		if t.scheduler.touches() >= runs || len(t.reports)+len(t.pushes) > 0 || time.Since(began) >= within {
			return nil
		}
		select {
		case entry = <-t.entries:
			continue
		default:
		}
		if entry.Pending < manyWait {
			return nil
		}
		select {
		case entry = <-t.entries:
		case <-enough.C:
			return nil
		case <-work.Done():
			return nil // the loop says why
		}
	}
}

// mayWait returns until when the next write may wait: events that were admitted, but let
// nothing be called yet, are in no hurry, as the journal has them. Zero = write now.
func (t *term) mayWait(commands []Command) time.Time {
	runs, within := t.room()
	until := t.unwritten.Add(within)
	if t.urgent || t.unwritten.IsZero() || len(commands) > 0 || t.scheduler.touches() >= runs || !time.Now().Before(until) {
		t.urgent, t.unwritten = false, time.Time{}
		return time.Time{}
	}
	return until
}

// errNoRules is wrong with an event that is for a tenant and for no rule: nobody
// but the gateway writes to the journal, and it names them.
var errNoRules = errors.New("the message names no rule that it matched")

// mostHops is how many of the gateway's own runs may lead to an event, one by the
// outcome of the other.
const mostHops = 10

// errHops is wrong with an event that came further.
var errHops = fmt.Errorf("more than %d runs led to this event, each begun by the outcome of the one before: look for rules on gateway that begin each other for ever", mostHops)

func (t *term) admitOne(work context.Context, entry events.Entry) error {
	defer t.catchUp(entry.Sequence)
	if t.unwritten.IsZero() {
		t.unwritten = time.Now()
	}
	if entry.Sequence <= t.scheduler.Cursor() {
		return nil
	}
	if entry.Err == nil && len(entry.Rules) == 0 {
		entry.Err = errNoRules
	}
	if entry.Err != nil {
		if err := t.bury(work, entry, "", events.ReasonUndecodable, entry.Err); err != nil {
			return err
		}
		t.scheduler.Pass(entry.Sequence)
		return nil
	}
	view := entry.View()
	cause := Cause{ // what it keeps is no part of the message's own text, which is larger
		Sequence: entry.Sequence, ID: strings.Clone(entry.Event.ID()), Source: once(entry.Source), Time: entry.Time, Revision: entry.Revision, Hops: entry.Hops(),
	}
	if cause.Trace = entry.TraceParent(); t.d.cfg.Trace != nil {
		cause.Trace, _ = entry.Trace()
	}
	if entry.Facts.Callback != "" {
		cause.Callback = &events.Callback{Source: entry.Source, URL: entry.Facts.Callback}
	}
	t.scheduler.Pass(entry.Sequence)
	if cause.Hops > mostHops {
		return t.bury(work, entry, "", events.ReasonTooManyHops, errHops)
	}
	for _, rule := range entry.Rules {
		if rule == rules.ForeignRule {
			t.foreignReload(cause, entry.Facts.RunID)
			continue
		}
		plan, err := t.plan(work, entry.Revision, rule, view)
		if err != nil {
			reason, final := unplanned(err)
			if !final || work.Err() != nil {
				return err
			}
			if err := t.bury(work, entry, rule, reason, err); err != nil {
				return err
			}
			continue
		}
		id, opened := t.scheduler.Admit(time.Now(), cause, plan)
		t.d.cfg.Metrics.admitted(plan.Tenant, plan.Rule, opened)
		t.tracedAdmission(entry, cause, rule, id)
		t.log.Info().Str("hop", "admitted").Str("event_id", cause.ID).Str("source", entry.Source).
			Str("rule", rule).Str("run_id", id).Bool("opened", opened).Msg("event admitted")
	}
	return nil
}

// largestPlan bounds a plan, so that its run's record fits a message.
const largestPlan = 128 << 10

// plan returns what a rule asks for when it matched the event: by the rules that
// matched it, as long as the rule is still there.
func (t *term) plan(ctx context.Context, revision uint64, rule string, event rules.Event) (rules.Plan, error) {
	set, err := t.rulesAt(ctx, revision, rule)
	if err != nil {
		return rules.Plan{}, err
	}
	return planFor(set, rule, event)
}

// planFor returns what a rule of a set asks for, if its record fits a message.
func planFor(set *rules.Set, rule string, event rules.Event) (rules.Plan, error) {
	plan, err := set.Plan(rule, event)
	if err == nil {
		err = fitsRecord(plan.Steps)
	}
	return plan, err
}

// fitsRecord says why the arguments of a plan's steps are too large for its record, or nil.
func fitsRecord(steps []rules.Step) error {
	size := 0
	for _, step := range steps {
		size += len(step.Args.Name) + len(step.Args.Description) + len(step.Args.That)
		for name, value := range step.Args.Data {
			text, _ := value.(string) // whatever else there is, is short
			size += len(name) + len(text)
		}
		for name, value := range step.Args.Variables {
			size += len(name) + len(value)
		}
	}
	if size > largestPlan {
		return fmt.Errorf("the arguments take %d bytes, at most %d are allowed: pass less of the event on", size, largestPlan)
	}
	return nil
}

// rulesAt returns the rules of a revision. A rule that the configuration in force
// no longer has is gone, unless the event was taken under a newer one.
func (t *term) rulesAt(ctx context.Context, revision uint64, rule string) (*rules.Set, error) {
	current := t.d.cfg.Revisions.Current()
	if revision == current.Number {
		return current.Rules, nil
	}
	if revision < current.Number && rule != rules.DirectRule && !current.Rules.Has(rule) {
		return nil, fmt.Errorf("rule %s: %w", rule, rules.ErrNoRule)
	}
	var set *rules.Set
	err := t.persist(ctx, func() (err error) {
		set, err = t.d.cfg.Revisions.At(ctx, revision)
		if errors.Is(err, ErrNoRevision) {
			set, err = current.Rules, nil // its record is gone: the rule of that name is the best there is
		}
		return err
	})
	return set, err
}

// unplanned says why an event has no plan, and whether that is final: it is not
// when the tenure ended over it.
func unplanned(err error) (reason events.Reason, final bool) {
	switch {
	case errors.Is(err, rules.ErrNoRule):
		return events.ReasonRuleRemoved, true
	case errors.Is(err, ErrDisplaced), errors.Is(err, ErrLeaseLost), errors.Is(err, context.Canceled):
		return "", false
	}
	return events.ReasonBadArgument, true
}

// catchUp tells the scheduler once the journal was read to where it ended at
// take-over.
func (t *term) catchUp(sequence uint64) {
	if sequence >= t.last {
		t.scheduler.CaughtUp(time.Now())
	}
}

// bury puts an event that cannot be carried out among the dead letters.
func (t *term) bury(work context.Context, entry events.Entry, rule string, reason events.Reason, cause error) error {
	t.d.cfg.Metrics.buried(t.d.cfg.Tenant, reason)
	t.log.Warn().Str("hop", "dead").Uint64("sequence", entry.Sequence).Str("source", entry.Source).Str("rule", rule).
		Str("reason", string(reason)).Err(cause).Msg("event cannot be carried out")
	err := t.persist(work, func() error {
		return t.d.cfg.Dead.Put(work, entry, events.Burial{Rule: rule, Reason: reason, Hop: "dispatcher", Hint: cause.Error()})
	})
	if err != nil {
		return err
	}
	return t.answer(work, entry, rule, reason, cause)
}
