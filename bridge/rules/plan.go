package rules

import "time"

// An Action is one thing that a step can ask of Qlik Cloud.
type Action string

// The actions that a rule may list under `do`.
const (
	Reload  Action = "reload"
	Copy    Action = "copy"
	Publish Action = "publish"
	Move    Action = "move"   // an app to another space
	Delete  Action = "delete" // an app, for good
	Assert  Action = "assert" // that an app's data is as it should be
	Emit    Action = "emit"   // an event of the rule's own type
)

// An Occasion says when a step has its turn.
type Occasion string

// The occasions, in the order in which they come.
const (
	InTurn    Occasion = ""           // `do`: once all before it succeeded
	OnFailure Occasion = "on_failure" // once a step of `do` ended otherwise, or the run's time was up
	Always    Occasion = "always"     // after all others, whatever became of them
)

// Args are the arguments of a step, of all actions in one shape; which of them
// an action knows is told by the table in actions.go.
type Args struct {
	App         string            `json:"app,omitempty"`         // app id; the source of a copy or publish
	Space       string            `json:"space,omitempty"`       // space id to copy or publish to
	Target      string            `json:"target,omitempty"`      // published app to replace
	Name        string            `json:"name,omitempty"`        // of the copied or published app
	Description string            `json:"description,omitempty"` // of the copied or published app
	Partial     bool              `json:"partial,omitempty"`     // reload only
	Weight      int               `json:"weight,omitempty"`      // reload only, 1..10; 0 leaves it to Qlik
	Variables   map[string]string `json:"variables,omitempty"`   // reload only, at most 20
	That        string            `json:"that,omitempty"`        // assert only: CEL over the app's data
	Type        string            `json:"type,omitempty"`        // emit only: the event's type
	Subject     string            `json:"subject,omitempty"`     // emit only: the event's subject
	Data        map[string]any    `json:"data,omitempty"`        // emit only: text, numbers, true and false by name
}

// A Step is one action of a plan with its arguments.
type Step struct {
	Name   string `json:"name"` // unique in its plan; the action's name unless `as` gave another
	Action Action `json:"action"`
	Args   Args   `json:"args"`

	Turn  Occasion `json:"turn,omitempty"`
	Needs []string `json:"needs,omitempty"` // names of the steps whose results Late reads

	// Late holds, by argument path ("app", "variables.BATCH"), the templates that
	// need the results of earlier steps. Resolve fills them in.
	Late map[string]string `json:"late,omitempty"`
}

// Gather says how triggers of one rule become one run.
type Gather struct {
	None  bool          `json:"none,omitempty"`  // every event its own run
	Quiet time.Duration `json:"quiet,omitempty"` // start when nothing new came for so long
	Max   time.Duration `json:"max,omitempty"`   // but no later than so long after the first; 0 = no bound
	Count int           `json:"count,omitempty"` // or as soon as there are so many; 0 = however many
}

// Retry says how often a step is tried: its call when the fault may pass, its reload
// when it ended as On says.
type Retry struct {
	Attempts int           `json:"attempts"` // counted attempts, the first included
	Base     time.Duration `json:"base"`     // first wait; doubles each time, with full jitter
	Cap      time.Duration `json:"cap"`      // longest wait

	On   []string      `json:"on,omitempty"`   // how a reload ended that is started again, as Qlik spells it
	Wait time.Duration `json:"wait,omitempty"` // from the end of such a reload to its next start
}

// A Plan is what one rule asks for when one event matched it, complete and
// independent of the configuration that made it.
type Plan struct {
	Tenant   string        `json:"tenant"`
	Rule     string        `json:"rule"`
	Key      string        `json:"key"` // runs of one rule gather by this key
	Gather   Gather        `json:"gather"`
	Join     *Join         `json:"join,omitempty"` // nil = the event alone is enough
	Priority int           `json:"priority"`       // 0 high, 1 normal, 2 low
	Retry    Retry         `json:"retry"`
	Deadline time.Duration `json:"deadline"` // from the first cause to expiry
	Steps    []Step        `json:"steps"`
}

// Apps returns the apps that the plan's steps are known to touch before any of
// them ran: the lanes a run takes. Each appears once, in order of first use.
func (p Plan) Apps() []string {
	var apps []string
	seen := map[string]bool{"": true}
	for _, step := range p.Steps {
		for _, app := range []string{step.Args.App, step.Args.Target} {
			if !seen[app] {
				seen[app] = true
				apps = append(apps, app)
			}
		}
	}
	return apps
}
