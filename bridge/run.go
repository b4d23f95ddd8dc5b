package bridge

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// recordSchema is the version written into every record that is an object, so that a
// later gateway can read what this one wrote. See decodeList for the others.
const recordSchema = 1

// A Run is the durable record of one plan being carried out for one or more
// events. It holds all that a successor needs to go on: the plan as it was
// admitted, where each step stands, every attempt, and what is still to be told.
type Run struct {
	Schema   int              `json:"schema"`
	ID       string           `json:"id"` // sortable: journal, first sequence, rule
	Tenant   string           `json:"tenant"`
	Rule     string           `json:"rule"`
	Revision uint64           `json:"revision"` // of the configuration that made the plan
	State    RunState         `json:"state"`
	Plan     *rules.Plan      `json:"plan"`  // never nil, and never changed in place: other runs have it too
	Steps    []StepRecord     `json:"steps"` // one for each of Plan.Steps
	Causes   Causes           `json:"causes"`
	Opened   time.Time        `json:"opened"` // journal time of the first cause
	Newest   time.Time        `json:"newest"` // journal time of the newest cause
	Trace    string           `json:"trace,omitempty"`
	Stopping RunState         `json:"stopping,omitempty"` // how it ends once what is under way has stopped
	Lanes    []string         `json:"lanes,omitempty"`    // apps that no other run may touch meanwhile
	Started  time.Time        `json:"started,omitzero"`
	Ended    time.Time        `json:"ended,omitzero"`
	Reason   events.Reason    `json:"reason,omitempty"`
	Error    string           `json:"error,omitempty"`
	Fate     Fate             `json:"fate,omitzero"`
	Cursor   uint64           `json:"cursor"` // the tenant's journal position when this was written
	Outbox   []events.Outcome `json:"outbox,omitempty"`
	Hops     int              `json:"hops,omitempty"` // our own runs that led to it, one by the outcome of the other

	Callbacks []events.Callback `json:"callbacks,omitempty"` // who waits for its end

	// Of a join:
	Parts map[string]uint64 `json:"parts,omitempty"` // the newest event of each part that came, by journal sequence
	Bound bool              `json:"bound,omitempty"` // the arguments that its events decide are made

	// Of a run that a pause keeps, or kept, from going on:
	PausedAt  time.Time     `json:"paused_at,omitzero"`   // since when; zero = nothing keeps it
	PausedBy  string        `json:"paused_by,omitempty"`  // what is paused, and why
	PausedFor time.Duration `json:"paused_for,omitempty"` // in all, before that: its deadline is so much later

	Interventions []Intervention `json:"interventions,omitempty"` // of operators, the newest few

	// Restored is when the backup was taken that the run came from. Calls made since
	// are not in its record: each step is looked for at Qlik before it is called.
	Restored time.Time `json:"restored,omitzero"`
}

// An Intervention is what an operator had done to a run.
type Intervention struct {
	At  time.Time `json:"at"`
	Op  Op        `json:"op"`           // resolve or cancel
	As  string    `json:"as,omitempty"` // of a resolve; see Order
	App string    `json:"app,omitempty"`
	By  string    `json:"by,omitempty"` // who, and in what role
}

// mostInterventions is how many of them a record keeps.
const mostInterventions = 8

// A StepRecord says where one step of a run stands.
type StepRecord struct {
	State     StepState     `json:"state"`
	Attempts  []Attempt     `json:"attempts,omitempty"`  // the newest, at most maxAttempts
	Tried     int           `json:"tried,omitempty"`     // how many there ever were
	Counted   int           `json:"counted,omitempty"`   // attempts that count against the retry policy
	Waits     int           `json:"waits,omitempty"`     // waits in a row that did not count
	NotBefore time.Time     `json:"not_before,omitzero"` // of the next call
	Mode      PublishMode   `json:"mode,omitempty"`
	CancelAt  time.Time     `json:"cancel_at,omitzero"` // when Qlik was asked to stop the reload
	Ended     time.Time     `json:"ended,omitzero"`
	Result    Result        `json:"result,omitzero"`
	Reason    events.Reason `json:"reason,omitempty"`
	Error     string        `json:"error,omitempty"`
	Sought    bool          `json:"sought,omitempty"` // of a restored run: Qlik was asked whether the step had been called
}

// maxAttempts is how many attempts of a step its record keeps: more than any quota
// window or lost call reaches back, and few enough for one record, however long
// somebody else's reload is in the way.
const maxAttempts = 128

// An Attempt is one try of a step: one call, or several that reconcile found to
// have had no effect.
type Attempt struct {
	CalledAt   time.Time     `json:"called_at"`            // before the call, our clock
	QlikTime   time.Time     `json:"qlik_time,omitzero"`   // the same instant on Qlik's clock
	AnsweredAt time.Time     `json:"answered_at,omitzero"` // when an answer came or was given up
	Lost       bool          `json:"lost,omitempty"`       // no usable answer: it may have taken effect, even late
	Sent       bool          `json:"sent"`                 // it may have reached Qlik, so it counts in the quota
	Identity   string        `json:"identity,omitempty"`   // the Qlik user that made the call, when known
	Reason     events.Reason `json:"reason,omitempty"`
	ReloadID   string        `json:"reload_id,omitempty"` // of the reload that it started or found
}

// A Result is what a step gave: for later steps (`steps.<name>.<field>`) and for
// its outcome.
type Result struct {
	ReloadID string    `json:"reload_id,omitempty"`
	Status   string    `json:"status,omitempty"` // of the reload, as Qlik spells it
	AppID    string    `json:"app_id,omitempty"` // the app copied or published to
	AppName  string    `json:"app_name,omitempty"`
	Replaced bool      `json:"replaced,omitempty"` // publish replaced an app that was there
	Created  time.Time `json:"created,omitzero"`   // the reload's times, Qlik's clock
	Began    time.Time `json:"began,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	Code     string    `json:"code,omitempty"` // Qlik's error code
	Message  string    `json:"message,omitempty"`
}

// fields returns what a step gave as CEL sees it in later steps: the fields that
// rules.Results names for its action.
func (r Result) fields(step rules.Step) map[string]any {
	switch step.Action {
	case rules.Reload:
		return map[string]any{"app_id": step.Args.App, "reload_id": r.ReloadID, "status": r.Status}
	case rules.Delete, rules.Assert:
		return map[string]any{"app_id": step.Args.App}
	case rules.Emit:
		return map[string]any{"type": step.Args.Type}
	}
	return map[string]any{"app_id": r.AppID, "name": r.AppName, "space_id": step.Args.Space}
}

// RunID makes the id of the run that a rule opens for the event at a sequence of
// the journal created at a time. It sorts by journal and sequence, and the same
// cause gives the same id, so that a second create cannot make a second run.
func RunID(journal time.Time, sequence uint64, tenant, rule string) string {
	seconds := strconv.FormatInt(journal.Unix(), 36)
	position := strconv.FormatUint(sequence, 36)
	sum := fnv.New32a()
	fmt.Fprintf(sum, "%d/%s/%s", journal.UnixNano(), tenant, rule)
	return fmt.Sprintf("%07s-%08s-%s-%06x", seconds, position, rule, sum.Sum32()&0xffffff)
}

// current returns the index of the step to carry out, or -1 when all are done.
func (r *Run) current() int {
	for i := range r.Steps {
		if r.owes(i) {
			return i
		}
	}
	return -1
}

// deadline is when the run expires.
func (r *Run) deadline() time.Time { return r.Opened.Add(r.Plan.Deadline + r.PausedFor) }

// full says whether no further event may join the run.
func (r *Run) full() bool { return r.Causes.Count >= maxCauses || len(r.Callbacks) >= maxCallbacks }

// due is when gathering ends: once there are count causes, or quiet after the
// newest, but no later than max after the first. A join has times of its own.
func (r *Run) due() time.Time {
	gather := r.Plan.Gather
	if r.Plan.Join != nil {
		return r.joinDue()
	}
	if gather.Count > 0 && r.Causes.Count >= gather.Count {
		return r.Opened
	}
	due := r.Newest.Add(gather.Quiet)
	if gather.Quiet == 0 && gather.Count > 0 {
		due = r.deadline()
	}
	if latest := r.Opened.Add(gather.Max); gather.Max > 0 && latest.Before(due) {
		return latest
	}
	return due
}

// needs says whether a step of the run still has to read the run's newest cause.
func (r *Run) needs() bool {
	for i := range r.Steps {
		if len(r.Plan.Steps[i].Late) > 0 && !r.Steps[i].State.Ended() {
			return true
		}
	}
	return false
}

// results returns what the steps before the current one gave, by step name.
func (r *Run) results() map[string]map[string]any {
	out := make(map[string]map[string]any, len(r.Steps))
	for i := range r.Steps {
		if r.Steps[i].State == StepSucceeded {
			out[r.Plan.Steps[i].Name] = r.Steps[i].Result.fields(r.Plan.Steps[i])
		}
	}
	return out
}

// attempt returns the step's newest attempt.
func (s *StepRecord) attempt() *Attempt { return &s.Attempts[len(s.Attempts)-1] }

// try adds an attempt and forgets the oldest beyond maxAttempts.
func (s *StepRecord) try(attempt Attempt) {
	s.Tried++
	s.Attempts = append(s.Attempts, attempt)
	if extra := len(s.Attempts) - maxAttempts; extra > 0 {
		s.Attempts = append([]Attempt(nil), s.Attempts[extra:]...)
	}
}

// token marks what the newest attempt of a step makes at Qlik.
func (r *Run) token(i int) string { return token(r.ID, i, r.Steps[i].Tried) }

// token marks what an attempt of a run's step makes at Qlik.
func token(run string, step, attempt int) string { return fmt.Sprintf("%s/%d/%d", run, step, attempt) }
