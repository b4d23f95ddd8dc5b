package rules

import (
	"encoding/json"
	"fmt"
)

// A Record is everything that a Set was compiled from. It is kept with a number,
// so that an event is planned by the rules that matched it, wherever and whenever
// that happens.
type Record struct {
	Names Names        `json:"names"`
	Rules []Definition `json:"rules"`
}

// CompileRecord compiles a recorded configuration. What a record holds was
// compiled before, so a mistake in it means that this gateway is older than the
// one that wrote it, or much newer.
func CompileRecord(document []byte) (*Set, error) {
	var record Record
	if err := json.Unmarshal(document, &record); err != nil {
		return nil, fmt.Errorf("decode recorded rules: %w", err)
	}
	set, problems := Compile(record.Rules, record.Names)
	if set == nil {
		return nil, fmt.Errorf("compile recorded rules: %v", problems)
	}
	return set, nil
}
