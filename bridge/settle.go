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
	plan, step := t.run().Plan.Steps[i], &t.run().Steps[i]
	if plan.Action == rules.Reload {
		kind := events.TypePrefix + "reload." + how
		if step.Reason == events.ReasonReloadExceededLimit {
			kind = events.TypeReloadExceededLimit
		}
		s.tellReload(t, i, kind, now)
		return
	}
	kind := events.TypePrefix + string(plan.Action) + "." + how
	app := s.app(plan.Args.App, "")
	made := s.app(step.Result.AppID, step.Result.AppName)
	switch plan.Action {
	case rules.Copy:
		s.put(t, i, kind, plan.Args.App, now, events.CopyData{
			Work: s.work(t.run(), step.Reason, step.Error), Step: plan.Name, Attempts: step.Tried,
			App: app, Copy: made, Space: plan.Args.Space, ErrorCode: step.Result.Code,
		})
	case rules.Publish:
		s.put(t, i, kind, plan.Args.App, now, events.PublishData{
			Work: s.work(t.run(), step.Reason, step.Error), Step: plan.Name, Attempts: step.Tried,
			App: app, Published: made, Space: plan.Args.Space, Replaced: step.Result.Replaced, ErrorCode: step.Result.Code,
		})
	default:
		s.tellOther(t, i, kind, now)
	}
}

// tellOther puts the outcome of a step that is no reload, copy or publish into the
// run's outbox.
func (s *Scheduler) tellOther(t *task, i int, kind string, now time.Time) {
	run, plan, step := t.run(), t.run().Plan.Steps[i], &t.run().Steps[i]
	args := plan.Args
	work, app, code := s.work(run, step.Reason, step.Error), s.app(args.App, step.Result.AppName), step.Result.Code
	switch plan.Action {
	case rules.Move:
		s.put(t, i, kind, args.App, now, events.MoveData{Work: work, Step: plan.Name, Attempts: step.Tried, App: app, Space: args.Space, ErrorCode: code})
	case rules.Delete:
		s.put(t, i, kind, args.App, now, events.DeleteData{Work: work, Step: plan.Name, Attempts: step.Tried, App: app, ErrorCode: code})
	case rules.Assert:
		s.put(t, i, kind, args.App, now, events.AssertData{Work: work, Step: plan.Name, Attempts: step.Tried, App: app, That: args.That, ErrorCode: code})
	case rules.Emit:
		data := events.EmitData{Work: work, Step: plan.Name, Type: args.Type, Data: args.Data}
		if step.State == StepSucceeded {
			kind, data.Work = args.Type, s.work(run, run.Fate.Reason, run.Fate.Error)
		}
		s.put(t, i, kind, run.ID, now, data)
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
	s.put(t, i, kind, plan.Args.App, now, data)
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
	s.put(t, about, events.TypePrefix+"run."+string(run.State), run.ID, now, data)
}

// put encodes an outcome of a run. Its id names the run, the step and what became
// of it, so that it is the same however often it is made.
func (s *Scheduler) put(t *task, i int, kind, key string, now time.Time, data any) {
	run := t.run()
	id := run.ID + "/" + strings.TrimPrefix(kind, events.TypePrefix)
	if i >= 0 {
		id = fmt.Sprintf("%s/%s/%d", run.ID, run.Plan.Steps[i].Name, run.Steps[i].Tried) + "/" + strings.TrimPrefix(kind, events.TypePrefix)
	}
	run.Outbox = append(run.Outbox, must(events.NewOutcome(events.Head{
		ID: id, Type: kind, Tenant: run.Tenant, Rule: run.Rule, Subject: subjectOf(run, i, kind, key), Key: key, Time: now,
		CausationID: run.Causes.Newest(), CorrelationID: run.ID, TraceParent: trace(run.Trace, run.ID), Hops: run.Hops,
	}, data)))
}

// subjectOf is the CloudEvents subject of an outcome.
func subjectOf(run *Run, i int, kind, key string) string {
	switch {
	case i < 0, kind == events.TypeRunHeld:
		return "runs/" + key
	case run.Plan.Steps[i].Action == rules.Emit:
		return cmp.Or(run.Plan.Steps[i].Args.Subject, "runs/"+key)
	}
	return "apps/" + key
}

// tellTenant puts what happened to the tenant as a whole into its outbox.
func (s *Scheduler) tellTenant(kind string, now time.Time, g gate, cause Verdict) {
	s.tell(events.Head{Type: kind, Subject: "tenants/" + s.names.Tenant, Time: now},
		events.TenantData{Tenant: s.names.Tenant, Reason: cause.Reason, Error: cause.Text, Since: g.since, Probe: g.at})
}

// tell puts what is no run's into the tenant's outbox, under an id of its own.
func (s *Scheduler) tell(head events.Head, data any) {
	s.told++
	s.unsaved = true
	head.ID = fmt.Sprintf("%s/%d%s/%d/%s", s.names.Tenant, s.names.Epoch, s.restored.mark(), s.told, strings.TrimPrefix(head.Type, events.TypePrefix))
	head.Tenant = s.names.Tenant
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
