package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A Definition is one rule as people write it, before Compile has understood it.
type Definition struct {
	Name     string           `json:"name"`
	Tenant   string           `json:"tenant,omitempty"`   // may be left out when there is only one
	On       On               `json:"on"`                 // configured sources whose events it looks at, or a join of them
	When     string           `json:"when,omitempty"`     // CEL; default: the event did not fail
	App      string           `json:"app,omitempty"`      // default of every step: name or id of an app, or a template
	Gather   GatherDefinition `json:"gather,omitzero"`    // how triggers become one run
	Priority string           `json:"priority,omitempty"` // high, normal (the default) or low
	Retry    RetryDefinition  `json:"retry,omitzero"`     // how often a call is tried
	Deadline string           `json:"deadline,omitempty"` // from the first cause to expiry; default 10h
	Do       []StepDefinition `json:"do"`                 // the steps, in order

	OnFailure []StepDefinition `json:"on_failure,omitempty"` // steps for when one of Do did not succeed
	Always    []StepDefinition `json:"always,omitempty"`     // steps for the end, whatever became of the others
}

// A GatherDefinition is the value of `gather`: the word none, or quiet, max, count
// and key.
type GatherDefinition struct {
	None  bool   `json:"-"`
	Quiet string `json:"quiet,omitempty"` // start when nothing new came for so long; default 0s
	Max   string `json:"max,omitempty"`   // but no later than so long after the first; default: no bound
	Count int    `json:"count,omitempty"` // or as soon as there are so many
	Key   string `json:"key,omitempty"`   // CEL; events of different keys never share a run
}

// UnmarshalJSON accepts the word none or an object.
func (g *GatherDefinition) UnmarshalJSON(text []byte) error {
	var word string
	if json.Unmarshal(text, &word) == nil {
		*g = GatherDefinition{None: word == gatherNone}
		if word != "" && !g.None {
			return fmt.Errorf("read gather: %q is not none", word)
		}
		return nil
	}
	type plain GatherDefinition
	if err := json.Unmarshal(text, (*plain)(g)); err != nil {
		return fmt.Errorf("read gather: %w", err)
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (g GatherDefinition) MarshalJSON() ([]byte, error) {
	if g.None {
		return json.Marshal(gatherNone)
	}
	type plain GatherDefinition
	return json.Marshal(plain(g))
}

const gatherNone = "none"

// A RetryDefinition is the value of `retry`; what is left out has Retry's default.
type RetryDefinition struct {
	Attempts int    `json:"attempts,omitempty"` // counted attempts, the first included; default 8
	Base     string `json:"base,omitempty"`     // first wait; default 1s
	Cap      string `json:"cap,omitempty"`      // longest wait; default 2m

	On   []string `json:"on,omitempty"`   // FAILED, EXCEEDED_LIMIT: reloads that ended so are started again; default none
	Wait string   `json:"wait,omitempty"` // from such an end to the next start; default 1m
}

// A StepDefinition is one item of `do`: the name of an action, or the action
// with its arguments and, beside it, the step's own name under `as`.
type StepDefinition struct {
	Action string         // as written; Compile says when there is none such
	As     string         // "" = the action's name
	Args   map[string]any // string, bool, int64, float64 or map[string]any

	short  bool     // written as a bare name
	others []string // further keys beside the action, all of them mistakes
}

// UnmarshalJSON accepts the name of an action or an object.
func (s *StepDefinition) UnmarshalJSON(text []byte) error {
	*s = StepDefinition{}
	if json.Unmarshal(text, &s.Action) == nil {
		s.short = true
		return nil
	}
	keys, values, err := decodeOrdered(text)
	if err != nil {
		return fmt.Errorf("read step: %w", err)
	}
	for _, key := range keys {
		switch {
		case key == "as":
			if err := json.Unmarshal(values[key], &s.As); err != nil {
				return fmt.Errorf("read name of step: %w", err)
			}
		case s.Action == "" || signatureOf(Action(s.Action)) == nil && signatureOf(Action(key)) != nil:
			if s.Action != "" {
				s.others = append(s.others, s.Action)
			}
			s.Action = key
		default:
			s.others = append(s.others, key)
		}
	}
	return s.decodeArgs(values[s.Action])
}

func (s *StepDefinition) decodeArgs(text json.RawMessage) error {
	if s.Action == "" {
		return nil
	}
	switch args := DecodeData("application/json", text).(type) {
	case nil:
	case map[string]any:
		s.Args = args
	case string:
		if Action(s.Action) != Assert {
			return fmt.Errorf("read arguments of %s: expected keys and values", s.Action)
		}
		s.Args = map[string]any{"that": args}
	default:
		return fmt.Errorf("read arguments of %s: expected keys and values", s.Action)
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (s StepDefinition) MarshalJSON() ([]byte, error) {
	if s.As == "" && len(s.Args) == 0 {
		return json.Marshal(s.Action)
	}
	step := map[string]any{s.Action: s.Args}
	if s.As != "" {
		step["as"] = s.As
	}
	return json.Marshal(step)
}

// decodeOrdered reads an object and keeps the order of its keys.
func decodeOrdered(text []byte) ([]string, map[string]json.RawMessage, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, nil, err
	}
	var keys []string
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return nil, nil, err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, fmt.Sprint(key))
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return nil, nil, err
		}
	}
	return keys, values, nil
}
