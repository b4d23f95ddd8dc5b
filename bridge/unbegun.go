package bridge

import (
	"context"
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/events"
)

// answer tells who waits for the end of an event that it became a dead letter: for them,
// a run of the rule failed before it began.
func (t *term) answer(work context.Context, entry events.Entry, rule string, reason events.Reason, cause error) error {
	if rule == "" || entry.Facts.Callback == "" {
		return nil
	}
	outcome, err := unbegun(t.scheduler.names, entry, rule, events.Work{Reason: reason, Error: cause.Error()})
	if err != nil {
		return fmt.Errorf("tell of event %d: %w", entry.Sequence, err)
	}
	return t.persist(work, func() error {
		return t.d.cfg.Publisher.CallBack(work, outcome, events.Callback{Source: entry.Source, URL: entry.Facts.Callback})
	})
}

// unbegun is the end of the run that a rule would have begun for an event, under the id
// that it would have had.
func unbegun(names Names, entry events.Entry, rule string, why events.Work) (events.Outcome, error) {
	id := RunID(names.Journal, entry.Sequence, names.Tenant, rule)
	why.Tenant, why.Run, why.Rule = names.Tenant, id, rule
	why.Causes = events.Causes{Count: 1, First: []string{entry.Event.ID()}, Sequences: []uint64{entry.Sequence}}
	head := events.Head{
		ID: id + "/run.failed", Type: events.TypeRunFailed, Tenant: names.Tenant, Rule: rule, Subject: "runs/" + id, Key: id, Time: time.Now(),
		CausationID: entry.Event.ID(), CorrelationID: id, TraceParent: trace(entry.TraceParent(), id), Hops: entry.Hops(),
	}
	return events.NewOutcome(head, events.RunData{Work: why, State: string(RunFailed), Steps: []events.StepState{}, Opened: entry.Time, Ended: head.Time})
}
