package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// An On is the value of `on`: the sources whose events a rule looks at, one name or
// a list of names, or the parts that have to come together.
type On struct {
	Sources []string
	Join    *JoinDefinition // nil = every event by itself
}

// A JoinDefinition is the value of `on` in a rule that waits for several events.
type JoinDefinition struct {
	All       map[string]PartDefinition `json:"all"`                  // by the name that later expressions call it
	AnyOf     int                       `json:"any_of,omitempty"`     // so many of them are enough; default: all
	Key       string                    `json:"key,omitempty"`        // CEL; parts of different keys never come together
	Within    string                    `json:"within"`               // after the first part
	OnTimeout string                    `json:"on_timeout,omitempty"` // then: expire (the default), or go with what is there
}

// A PartDefinition says which events are one part of a join.
type PartDefinition struct {
	Source string `json:"source"`
	When   string `json:"when,omitempty"` // CEL; default: the event did not fail
}

// Names returns the sources that are listened to, each once.
func (o On) Names() []string {
	names := slices.Clone(o.Sources)
	if o.Join != nil {
		for _, part := range o.Join.All {
			names = append(names, part.Source)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// UnmarshalJSON accepts a name, a list of names, or a join.
func (o *On) UnmarshalJSON(text []byte) error {
	*o = On{}
	var one string
	if json.Unmarshal(text, &one) == nil {
		if one != "" {
			o.Sources = []string{one}
		}
		return nil
	}
	if json.Unmarshal(text, &o.Sources) == nil {
		return nil
	}
	o.Sources = nil
	if err := json.Unmarshal(text, &o.Join); err != nil {
		return fmt.Errorf("read on: %w", err)
	}
	if o.Join == nil {
		return errors.New("read on: expected the name of a source, a list of names, or a join")
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (o On) MarshalJSON() ([]byte, error) {
	if o.Join != nil {
		return json.Marshal(o.Join)
	}
	return json.Marshal(o.Sources)
}
