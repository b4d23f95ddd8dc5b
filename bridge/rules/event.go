package rules

import "time"

// Outcome values that a preset gives an event, as CEL's `outcome` sees them.
const (
	OutcomeSucceeded = "succeeded"
	OutcomeFailed    = "failed"
	OutcomeOther     = "other"
)

// Facts are what a preset understood of a sender's body, in words that are the
// same for every sender. An empty string means that the sender does not say.
type Facts struct {
	Outcome string `json:"outcome,omitempty"` // succeeded, failed or other
	Job     string `json:"job,omitempty"`     // the job's name
	JobID   string `json:"job_id,omitempty"`  // the job's stable identifier
	RunID   string `json:"run_id,omitempty"`  // this execution of the job

	// Callback is the address that waits for the end of what the event starts. It may
	// hold a secret; CEL does not see it here.
	Callback string `json:"callback,omitempty"`
}

// An Event is one CloudEvent as CEL sees it.
type Event struct {
	ID      string
	Source  string // the CloudEvents attribute
	Type    string
	Subject string
	Time    time.Time

	GatewaySource string            // the configured source it came through
	Extensions    map[string]string // other CloudEvents attributes, lower case
	Data          any               // the JSON body as DecodeData gives it; nil when it is not JSON
	Read          func() any        // gives the data when it is looked at, each time the same; nil = Data has it
	Facts         Facts
}

// Decoded returns the event's data, which is read the first time somebody looks at it.
func (e *Event) Decoded() any {
	if e.Read != nil {
		return e.Read()
	}
	return e.Data
}
