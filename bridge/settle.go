package bridge

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// How a step ended, as the types of outcomes say it.
const (
	succeeded = "succeeded"
	failed    = "failed"
	canceled  = "canceled"
)

// mostSequences is how many journal sequences an outcome lists.
const mostSequences = 1000

// tellStep puts the outcome of a step that ended into the run's outbox.
func (s *Scheduler) tellStep(t *task, i int, how string, now time.Time) {
	run, plan, step := t.run(), t.run().Plan.Steps[i], &t.run().Steps[i]
	args, result, tried := plan.Args, step.Result, step.Tried
	kind := events.TypePrefix + string(plan.Action) + "." + how
	work, app, made := s.work(run, step.Reason, step.Error), s.app(args.App, ""), s.app(result.AppID, result.AppName)
	switch plan.Action {
	case rules.Reload:
		if step.Reason == events.ReasonReloadExceededLimit {
			kind = events.TypeReloadExceededLimit
		}
		s.tellReload(t, i, kind, now)
	case rules.Copy:
		s.put(t, i, kind, now, events.CopyData{
			Work: work, Step: plan.Name, Attempts: tried, App: app, Copy: made, Space: args.Space, ErrorCode: result.Code,
		})
	case rules.Publish:
		s.put(t, i, kind, now, events.PublishData{
			Work: work, Step: plan.Name, Attempts: tried, App: app, Published: made, Space: args.Space,
			Replaced: result.Replaced, ErrorCode: result.Code,
		})
	case rules.Move:
		app = s.app(args.App, result.AppName)
		s.put(t, i, kind, now, events.MoveData{Work: work, Step: plan.Name, Attempts: tried, App: app, Space: args.Space, ErrorCode: result.Code})
	case rules.Delete:
		s.put(t, i, kind, now, events.DeleteData{Work: work, Step: plan.Name, Attempts: tried, App: app, ErrorCode: result.Code})
	case rules.Assert:
		s.put(t, i, kind, now, events.AssertData{Work: work, Step: plan.Name, Attempts: tried, App: app, That: args.That, ErrorCode: result.Code})
	case rules.Emit:
		data := events.EmitData{Work: work, Step: plan.Name, Type: args.Type, Data: args.Data}
		if step.State == StepSucceeded {
			kind, data.Work = args.Type, s.work(run, run.Fate.Reason, run.Fate.Error)
		}
		s.put(t, i, kind, now, data)
	}
}

// tellReload puts how a reload stands into the run's outbox.
func (s *Scheduler) tellReload(t *task, i int, kind string, now time.Time) {
	plan, step := t.run().Plan.Steps[i], &t.run().Steps[i]
	result := step.Result
	data := events.ReloadData{
		Work: s.work(t.run(), step.Reason, step.Error), Step: plan.Name, Attempts: step.Tried,
		App: s.app(plan.Args.App, ""), ReloadID: result.ReloadID, Status: result.Status, Partial: plan.Args.Partial,
		ErrorCode: result.Code, Created: result.Created, Started: result.Began, Ended: result.Finished,
		Space: s.spaceOf(plan.Args.App), LogExcerpt: t.excerptOf(result.ReloadID),
	}
	if !result.Began.IsZero() && result.Finished.After(result.Began) {
		data.Duration = result.Finished.Sub(result.Began).Seconds()
	}
	s.put(t, i, kind, now, data)
}

// tellRun puts how a run ended, or that it is held, into its outbox.
func (s *Scheduler) tellRun(t *task, now time.Time) {
	run := t.run()
	data := events.RunData{
		Work: s.work(run, run.Reason, run.Error), State: string(run.State),
		Opened: run.Opened, Started: run.Started, Ended: run.Ended,
	}
	for i := range run.Steps {
		if run.Plan.Steps[i].Turn != rules.InTurn && !run.Steps[i].State.Ended() {
			continue // it never had its turn
		}
		data.Steps = append(data.Steps, events.StepState{
			Name: run.Plan.Steps[i].Name, Action: string(run.Plan.Steps[i].Action),
			State: string(run.Steps[i].State), Attempts: run.Steps[i].Tried,
		})
	}
	about := -1
	if run.State == RunHeld {
		about = run.current() // it may be held again, at this step or at another
	}
	s.put(t, about, events.TypePrefix+"run."+string(run.State), now, data)
}

// put puts an outcome of a run, or of its step at i unless that is -1, into its outbox.
// The outcome's id names the run, the step and what became of it, so that it is the same
// however often it is made.
func (s *Scheduler) put(t *task, i int, kind string, now time.Time, data any) {
	run := t.run()
	id := run.ID
	if i >= 0 {
		id = fmt.Sprintf("%s/%s/%d", run.ID, run.Plan.Steps[i].Name, run.Steps[i].Tried)
	}
	subject, key := subjectOf(run, i, kind)
	run.Outbox = append(run.Outbox, must(events.NewOutcome(events.Head{
		ID: id + "/" + strings.TrimPrefix(kind, events.TypePrefix), Type: kind, Tenant: run.Tenant, Rule: run.Rule, Subject: subject, Key: key, Time: now,
		CausationID: run.Causes.Newest(), CorrelationID: run.ID, TraceParent: trace(run.Trace, run.ID), Hops: run.Hops,
	}, data)))
}

// subjectOf is the CloudEvents subject of an outcome, and its key: the app that a step
// is about, or the run.
func subjectOf(run *Run, i int, kind string) (subject, key string) {
	subject, key = "runs/"+run.ID, run.ID
	if i < 0 || kind == events.TypeRunHeld {
		return subject, key
	}
	args := run.Plan.Steps[i].Args
	if run.Plan.Steps[i].Action == rules.Emit {
		return cmp.Or(args.Subject, subject), key
	}
	return "apps/" + args.App, args.App
}

// tellTenant puts what happened to the tenant as a whole into its outbox.
func (s *Scheduler) tellTenant(kind string, now time.Time, g gate, cause Verdict) {
	s.tell(events.Head{Type: kind, Subject: "tenants/" + s.names.Tenant, Time: now},
		events.TenantData{Tenant: s.names.Tenant, Reason: cause.Reason, Error: cause.Text, Since: g.since, Probe: g.at})
}

// tell puts what is no run's into the tenant's outbox. What has no id, by which it is the
// same however often it is found out, gets one of its own.
func (s *Scheduler) tell(head events.Head, data any) {
	if head.ID == "" {
		s.told++
		head.ID = fmt.Sprintf("%s/%d%s/%d/%s", s.names.Tenant, s.names.Epoch, s.restored.mark(), s.told, strings.TrimPrefix(head.Type, events.TypePrefix))
	}
	head.Tenant = s.names.Tenant
	s.unsaved = true
	s.outbox = append(s.outbox, must(events.NewOutcome(head, data)))
}

// TenantOutbox returns what is to be told of the tenant as a whole, and whether it
// changed since it was last asked for.
func (s *Scheduler) TenantOutbox() ([]events.Outcome, bool) {
	changed := s.unsaved
	s.unsaved = false
	return s.outbox, changed
}

// TenantTold takes the first n outcomes, which were published, out of the outbox.
func (s *Scheduler) TenantTold(n int) {
	s.outbox = s.outbox[n:]
	s.unsaved = n > 0
}

func (s *Scheduler) work(run *Run, reason events.Reason, text string) events.Work {
	causes := events.Causes{Count: run.Causes.Count, First: run.Causes.Head, Last: run.Causes.Tail}
	if run.Causes.Count <= mostSequences {
		causes.Sequences = run.Causes.Sequences()
	}
	return events.Work{Tenant: run.Tenant, Run: run.ID, Rule: run.Rule, Causes: causes, Reason: reason, Error: text}
}

func (s *Scheduler) app(id, name string) events.AppRef {
	if id == "" {
		return events.AppRef{}
	}
	if known := s.apps[id]; known != nil {
		name = cmp.Or(name, known.Name)
	}
	return events.AppRef{ID: id, Name: name, Link: strings.TrimRight(s.names.URL, "/") + "/sense/app/" + id}
}

// spaceOf is the space that an app is in, as far as is known.
func (s *Scheduler) spaceOf(app string) string {
	if known := s.apps[app]; known != nil {
		return known.Space
	}
	return ""
}

// trace returns a run's trace context: that of the event that opened it, or one made
// from the run's id.
func trace(given, run string) string {
	if given != "" {
		return given
	}
	sum := sha256.Sum256([]byte(run))
	return fmt.Sprintf("00-%x-%x-01", sum[:16], sum[16:24])
}

// must returns an outcome whose data is made of plain values, which always encode.
func must(outcome events.Outcome, err error) events.Outcome {
	if err != nil {
		panic(err)
	}
	return outcome
}
