package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// decodeRecord reads a record that is an object. One of an older schema is read as it
// is; one of a newer schema is refused before anything else of it is looked at.
func decodeRecord(data []byte, into any) error {
	var form struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	if form.Schema > recordSchema {
		return fmt.Errorf("it has schema %d and this gateway reads up to %d: a newer gateway wrote it; run that one", form.Schema, recordSchema)
	}
	return json.Unmarshal(data, into)
}

// decodeList reads a record that is a list. It has no room for its schema: another form
// than this one is an object that has, and is refused like one of a newer schema.
func decodeList(data []byte, into any) error {
	if strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		return decodeRecord(data, into)
	}
	return json.Unmarshal(data, into)
}

// decodeRun reads a run's record.
func decodeRun(data []byte) (*Run, error) {
	var run Run
	if err := decodeRecord(data, &run); err != nil {
		return nil, err
	}
	if run.Plan == nil { // the record has none: one with nothing in it
		run.Plan = &rules.Plan{}
	}
	return &run, nil
}
