package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/events"
)

// tracedAdmission tells that an event came to a run: from when the journal took it.
func (t *term) tracedAdmission(entry events.Entry, cause Cause, rule, run string) {
	if t.d.cfg.Trace == nil {
		return
	}
	t.d.cfg.Trace(events.Hop{
		Name: events.HopAdmit, Trace: cause.Trace, Run: run, Began: entry.Time, Ended: time.Now(),
		Tenant: t.d.cfg.Tenant, Rule: rule, Source: entry.Source, Event: cause.ID,
	})
}

// tracedRun tells of a run that ended, whichever process began it.
func (t *term) tracedRun(run *Run) {
	if t.d.cfg.Trace == nil {
		return
	}
	t.d.cfg.Trace(events.Hop{
		Name: events.HopRun, Trace: trace(run.Trace, run.ID), Run: run.ID, Began: run.Opened, Ended: run.Ended,
		Reason: run.Reason, Tenant: run.Tenant, Rule: run.Rule, Event: run.Causes.Newest(),
	})
}

// tracedCall tells of a call for a run. Of polls, only the last or a failed one says
// something.
func (t *term) tracedCall(report Report, now time.Time) {
	command, verdict := report.Command, report.Verdict
	dull := command.Kind == KindPoll && verdict.Kind == VerdictDone && report.Reload != nil && !report.Reload.Status.Ended()
	if t.d.cfg.Trace == nil || command.Run == "" || dull {
		return
	}
	hop := events.Hop{
		Name: events.HopCall, Trace: trace(command.Trace, command.Run), Run: command.Run, Began: report.Began, Ended: now, Reason: verdict.Reason,
		Tenant: t.d.cfg.Tenant, Rule: command.Rule, Step: command.Step.Name, Action: calledAs(command), App: command.Step.Args.App,
	}
	if report.Reload != nil {
		hop.Reload = report.Reload.ID
	}
	t.d.cfg.Trace(hop)
}

// calledAs names what a command asks of Qlik: its step's action, or what else.
func calledAs(command Command) string {
	if command.Kind == KindCall {
		return string(command.Step.Action)
	}
	return command.Kind.String()
}

// tracedOutcomes tells of outcomes that are stored.
func (t *term) tracedOutcomes(outcomes []events.Outcome, began time.Time) {
	if t.d.cfg.Trace == nil {
		return
	}
	for _, outcome := range outcomes {
		if outcome.TraceParent == "" {
			continue // it is about the tenant, not about an event
		}
		t.d.cfg.Trace(events.Hop{
			Name: events.HopPublish, Trace: outcome.TraceParent, Run: outcome.CorrelationID, Began: began, Ended: time.Now(),
			Tenant: outcome.Tenant, Rule: outcome.Rule, Event: outcome.ID, Type: outcome.Type,
		})
	}
}
