package events

import "time"

// Causes name the events that a run was carried out for.
type Causes struct {
	Count int      `json:"count"`
	First []string `json:"first"`          // ids of the first hundred
	Last  []string `json:"last,omitempty"` // ids of the newest hundred, when there are more
	// Sequences are the journal sequences of all of them, as long as there are at
	// most a thousand.
	Sequences []uint64 `json:"sequences,omitempty"`
}

// Work is what the data of every step's and run's outcome share.
type Work struct {
	Tenant string `json:"tenant"`
	Run    string `json:"run"`
	Rule   string `json:"rule"`
	Causes Causes `json:"causes"`
	Reason Reason `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"` // in words, with Qlik's own
}

// AppRef names an app.
type AppRef struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Link string `json:"link,omitempty"` // to open it in a browser
}

// ReloadData is the data of reload.* outcomes.
type ReloadData struct {
	Work
	Step      string    `json:"step"`
	Attempts  int       `json:"attempts"` // calls made, reconciled ones included
	App       AppRef    `json:"app"`
	Space     string    `json:"space,omitempty"` // that the app is in
	ReloadID  string    `json:"reload_id,omitempty"`
	Status    string    `json:"status,omitempty"` // as Qlik spells it
	Partial   bool      `json:"partial,omitempty"`
	ErrorCode string    `json:"error_code,omitempty"` // Qlik's
	Created   time.Time `json:"created,omitzero"`     // Qlik's clock
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Duration  float64   `json:"duration_seconds,omitempty"` // from start to end

	LogExcerpt string `json:"log_excerpt,omitempty"` // the end of the reload's log
}

// ForeignReloadData is the data of foreign_reload.* outcomes, which no run is behind.
type ForeignReloadData struct {
	Tenant    string    `json:"tenant"`
	Origin    string    `json:"origin"` // who started it, as Qlik says: hub, chronos, ...
	App       AppRef    `json:"app"`
	Space     string    `json:"space,omitempty"` // that the app is in
	ReloadID  string    `json:"reload_id"`
	Status    string    `json:"status"` // as Qlik spells it
	Partial   bool      `json:"partial,omitempty"`
	Reason    Reason    `json:"reason,omitempty"`
	Error     string    `json:"error,omitempty"`      // in Qlik's words
	ErrorCode string    `json:"error_code,omitempty"` // Qlik's
	Created   time.Time `json:"created,omitzero"`     // Qlik's clock
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Duration  float64   `json:"duration_seconds,omitempty"` // from start to end

	LogExcerpt string `json:"log_excerpt,omitempty"` // the end of the reload's log
}

// CopyData is the data of copy.* outcomes.
type CopyData struct {
	Work
	Step      string `json:"step"`
	Attempts  int    `json:"attempts"`
	App       AppRef `json:"app"`           // the source
	Copy      AppRef `json:"copy,omitzero"` // what was made
	Space     string `json:"space,omitempty"`
	ErrorCode string `json:"error_code,omitempty"`
}

// PublishData is the data of publish.* outcomes.
type PublishData struct {
	Work
	Step      string `json:"step"`
	Attempts  int    `json:"attempts"`
	App       AppRef `json:"app"`                // the source
	Published AppRef `json:"published,omitzero"` // the app in the managed space
	Space     string `json:"space,omitempty"`
	Replaced  bool   `json:"replaced"` // the published app was there before
	ErrorCode string `json:"error_code,omitempty"`
}

// MoveData is the data of move.* outcomes.
type MoveData struct {
	Work
	Step      string `json:"step"`
	Attempts  int    `json:"attempts"`
	App       AppRef `json:"app"`
	Space     string `json:"space"` // where it is to be
	ErrorCode string `json:"error_code,omitempty"`
}

// DeleteData is the data of delete.* outcomes.
type DeleteData struct {
	Work
	Step      string `json:"step"`
	Attempts  int    `json:"attempts"`
	App       AppRef `json:"app"`
	ErrorCode string `json:"error_code,omitempty"`
}

// AssertData is the data of assert.* outcomes.
type AssertData struct {
	Work
	Step      string `json:"step"`
	Attempts  int    `json:"attempts"`
	App       AppRef `json:"app"`
	That      string `json:"that"` // what was asserted, as the rule says it
	ErrorCode string `json:"error_code,omitempty"`
}

// EmitData is the data of events that a rule emits under a type of its own, and of
// emit.failed. Reason and Error say why the run did not succeed, if it did not.
type EmitData struct {
	Work
	Step string         `json:"step"`
	Type string         `json:"type"`           // the rule's own
	Data map[string]any `json:"data,omitempty"` // what the rule gives
}

// A StepState is how one step of a run stands.
type StepState struct {
	Name     string `json:"name"`
	Action   string `json:"action"`
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
}

// RunData is the data of run.* outcomes.
type RunData struct {
	Work
	State   string      `json:"state"`
	Steps   []StepState `json:"steps"`
	Opened  time.Time   `json:"opened"` // when its first cause was accepted
	Started time.Time   `json:"started,omitzero"`
	Ended   time.Time   `json:"ended,omitzero"`
}

// TenantData is the data of breaker.* and tenant.* outcomes.
type TenantData struct {
	Tenant string    `json:"tenant"`
	Reason Reason    `json:"reason,omitempty"`
	Error  string    `json:"error,omitempty"`
	Since  time.Time `json:"since,omitzero"`    // when it was opened or held
	Probe  time.Time `json:"probe_at,omitzero"` // when the tenant is asked again
}

// PauseData is the data of tenant.paused, app.resumed and the like.
type PauseData struct {
	Tenant string    `json:"tenant"`
	Rule   string    `json:"rule,omitempty"` // of rule.*
	App    AppRef    `json:"app,omitzero"`   // of app.*
	Note   string    `json:"note,omitempty"` // why, in the operator's words
	By     string    `json:"by,omitempty"`   // who paused it
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // when it ends by itself
}

// BudgetData is the data of budget.* outcomes.
type BudgetData struct {
	Tenant string    `json:"tenant"`
	App    *AppRef   `json:"app,omitempty"` // whose budget it is; without, it is the tenant's
	Budget int       `json:"budget"`        // reloads that may be started in any 24 hours
	Used   int       `json:"used"`
	FreeAt time.Time `json:"free_at,omitzero"` // of exhausted: when the next may be started
}

// SubscriptionData is the data of subscription.* outcomes.
type SubscriptionData struct {
	Subscription string    `json:"subscription"`
	Host         string    `json:"host"` // where it is told
	Reason       Reason    `json:"reason"`
	Error        string    `json:"error,omitempty"` // the newest failure
	Since        time.Time `json:"since,omitzero"`  // no success since then
	Failures     int       `json:"failures,omitempty"`
	DisabledAt   time.Time `json:"disabled_at,omitzero"` // of warned: when it will be if nothing changes
	First        uint64    `json:"first,omitempty"`      // of gap: the first sequence that is gone
	Last         uint64    `json:"last,omitempty"`       // and the last
	Missing      uint64    `json:"missing,omitempty"`    // how many outcomes are gone at most: not all need have been wanted
}

// What came of a change that an operator asked for; see AuditData.
const (
	AuditDone    = "done"
	AuditRefused = "refused" // it cannot be done, and nothing was changed
	AuditFailed  = "failed"  // whether it was done is not known
)

// AuditData is the data of audit.recorded: who changed what. It is told once the
// change was answered; when is the event's own time.
type AuditData struct {
	Tenant  string `json:"tenant,omitempty"` // none for what is about no tenant, such as the log
	By      string `json:"by"`               // name of the token; local without one
	Role    string `json:"role"`
	Action  string `json:"action"`  // operationId of the API
	Object  string `json:"object"`  // such as runs/<id>
	Outcome string `json:"outcome"` // one of the constants above
	Note    string `json:"note,omitempty"`
}
