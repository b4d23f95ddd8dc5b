package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// ErrUnreadable is wrapped by the error of a record in the ledger that this gateway
// cannot read: it was damaged, or a newer gateway wrote it. Its tenant is left alone,
// since nobody knows what the record says was called.
var ErrUnreadable = errors.New("a record of the ledger cannot be read")

// pauseUnreadable is how long a tenant with a record that cannot be read is left to
// others, such as a newer gateway, before it is tried again.
const pauseUnreadable = 30 * time.Second

// decodeRun reads a run's record. One of an older schema is read as it is; one of a
// newer schema is refused before anything else of it is looked at.
func decodeRun(data []byte) (*Run, error) {
	var form struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return nil, err
	}
	if form.Schema > recordSchema {
		return nil, fmt.Errorf("it has schema %d and this gateway reads up to %d: a newer gateway wrote it; run that one", form.Schema, recordSchema)
	}
	var run Run
	if err := json.Unmarshal(data, &run); err != nil {
		return nil, err
	}
	if run.Plan == nil { // the record has none: one with nothing in it
		run.Plan = &rules.Plan{}
	}
	return &run, nil
}
