package console

import (
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A RunList is one page of runs, the newest first.
type RunList struct {
	Data []Run  `json:"data"`
	Next string `json:"next,omitempty"` // give it as ?before= for the next page
}

// A Run is a run as the API shows it.
type Run struct {
	ID      string        `json:"id"`
	Tenant  string        `json:"tenant"`
	Rule    string        `json:"rule"`
	State   string        `json:"state"`
	Reason  events.Reason `json:"reason,omitempty"`
	Error   string        `json:"error,omitempty"`
	Opened  time.Time     `json:"opened"`
	Started time.Time     `json:"started,omitzero"`
	Ended   time.Time     `json:"ended,omitzero"`
	Causes  Causes        `json:"causes"`
	Steps   []Step        `json:"steps"`

	Waits *bridge.Parked `json:"waits,omitempty"` // of an open run that waits; in a list, of those that wait longest

	// Of one run that is shown, not of those in a list:
	Timeline []Hop  `json:"timeline,omitempty"`
	TraceID  string `json:"trace_id,omitempty"` // of the sender's trace

	PausedSince time.Time `json:"paused_since,omitzero"` // a pause keeps it from going on
	PausedBy    string    `json:"paused_by,omitempty"`   // what is paused, and why

	// Of a join:
	Parts   map[string]uint64 `json:"parts,omitempty"`   // the newest event of each part that came, by journal sequence
	Missing []string          `json:"missing,omitempty"` // the parts that did not come, or not yet
}

// Causes are the events that a run was carried out for.
type Causes struct {
	Count int      `json:"count"`
	First []string `json:"first"`
	Last  []string `json:"last,omitempty"`
}

// A Step is one step of a run.
type Step struct {
	Name      string        `json:"name"`
	Action    string        `json:"action"`
	Turn      string        `json:"turn,omitempty"` // on_failure or always
	App       string        `json:"app,omitempty"`
	AppName   string        `json:"app_name,omitempty"` // its name in the configuration
	Space     string        `json:"space,omitempty"`
	State     string        `json:"state"`
	Reason    events.Reason `json:"reason,omitempty"`
	Error     string        `json:"error,omitempty"`
	ReloadID  string        `json:"reload_id,omitempty"`
	Status    string        `json:"status,omitempty"` // the reload's, as Qlik spells it
	Result    string        `json:"result_app,omitempty"`
	NotBefore time.Time     `json:"not_before,omitzero"`
	Attempts  []Attempt     `json:"attempts,omitempty"`
	Progress  *Progress     `json:"progress,omitempty"` // of the reload that runs now, of one run that is shown
}

// A Progress is how far a reload is, as far as that can be known: Qlik does not say.
type Progress struct {
	Elapsed float64 `json:"elapsed_seconds"`         // since Qlik was asked
	Usual   float64 `json:"usual_seconds,omitempty"` // how long reloads of the app usually take; 0 = not known
}

// name adds what the configuration calls the apps.
func (r *Run) name(setup *Setup) {
	for i := range r.Steps {
		r.Steps[i].AppName = setup.Apps[r.Steps[i].App]
	}
}

// Expect adds how far the reload that runs now is, by how long others of its app took.
func (r *Run) Expect(index *bridge.Index, now time.Time) {
	for i := range r.Steps {
		step := &r.Steps[i]
		if step.Action != string(rules.Reload) || step.State != string(bridge.StepSubmitted) || len(step.Attempts) == 0 {
			continue
		}
		elapsed := max(0, now.Sub(step.Attempts[len(step.Attempts)-1].Called))
		step.Progress = &Progress{elapsed.Seconds(), index.Usual(r.Tenant, step.App).Seconds()}
	}
}

// An Attempt is one try of a step.
type Attempt struct {
	Called   time.Time     `json:"called"`
	Answered time.Time     `json:"answered,omitzero"`
	Lost     bool          `json:"lost,omitempty"` // its effect is being found out
	Reason   events.Reason `json:"reason,omitempty"`
}

// NewRun returns a run as the API shows it.
func NewRun(run *bridge.Run) Run {
	view := Run{
		ID: run.ID, Tenant: run.Tenant, Rule: run.Rule, State: string(run.State), Reason: run.Reason, Error: run.Error,
		Opened: run.Opened, Started: run.Started, Ended: run.Ended,
		Causes: Causes{Count: run.Causes.Count, First: run.Causes.Head, Last: run.Causes.Tail},
	}
	view.Parts, view.Missing = run.Parts, run.Missing()
	if !run.State.Ended() {
		view.PausedSince, view.PausedBy = run.PausedAt, run.PausedBy
	}
	for i := range run.Steps {
		plan, step := run.Plan.Steps[i], &run.Steps[i]
		if plan.Turn != rules.InTurn && run.State.Ended() && !step.State.Ended() {
			continue // it never had its turn
		}
		shown := Step{
			Turn: string(plan.Turn),
			Name: plan.Name, Action: string(plan.Action), App: plan.Args.App, Space: plan.Args.Space,
			State: string(step.State), Reason: step.Reason, Error: step.Error, NotBefore: step.NotBefore,
			ReloadID: step.Result.ReloadID, Status: step.Result.Status, Result: step.Result.AppID,
		}
		for _, attempt := range step.Attempts {
			shown.Attempts = append(shown.Attempts, Attempt{
				Called: attempt.CalledAt, Answered: attempt.AnsweredAt, Lost: attempt.Lost, Reason: attempt.Reason,
			})
		}
		view.Steps = append(view.Steps, shown)
	}
	return view
}
