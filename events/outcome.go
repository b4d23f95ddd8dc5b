package events

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// An Outcome is one event to tell: how a step, a run or a tenant's breaker now
// stands. It is kept in an outbox until it is published, so it is complete.
type Outcome struct {
	Head
	Data json.RawMessage `json:"data"`
}

// A Head is all of an Outcome but its data.
type Head struct {
	ID            string    `json:"id"`   // deterministic: the same end has the same id
	Type          string    `json:"type"` // one of the types of this package
	Tenant        string    `json:"tenant"`
	Subject       string    `json:"subject,omitempty"` // CloudEvents subject: what it is about
	Key           string    `json:"key,omitempty"`     // last token of the NATS subject: app id, run id, or ""
	Time          time.Time `json:"time"`
	Rule          string    `json:"rule,omitempty"`           // of the run, so that chains can name it
	CausationID   string    `json:"causation_id,omitempty"`   // id of the newest event that caused it
	CorrelationID string    `json:"correlation_id,omitempty"` // the run
	TraceParent   string    `json:"trace_parent,omitempty"`
	Hops          int       `json:"hops,omitempty"` // runs of ours that led to the run; see Heard
}

// NewOutcome returns the outcome with its data encoded. A type of the gateway's
// own has to be in the Catalog, and data of the Go type that stands there.
func NewOutcome(head Head, data any) (Outcome, error) {
	kind, known := kindNamed(head.Type)
	if !known && strings.HasPrefix(head.Type, TypePrefix) {
		return Outcome{}, fmt.Errorf("make outcome: type %s is not in the catalog", head.Type)
	}
	if known && reflect.TypeOf(data) != reflect.TypeOf(kind.Data) {
		return Outcome{}, fmt.Errorf("make outcome: data of %s is a %T, expected a %T", head.Type, data, kind.Data)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return Outcome{}, fmt.Errorf("encode data of %s: %w", head.Type, err)
	}
	return Outcome{Head: head, Data: encoded}, nil
}
