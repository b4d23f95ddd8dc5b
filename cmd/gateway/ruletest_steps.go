package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// expectedSteps are what a test expects of one rule: the steps of `do`, or of any
// occasion by its name. Steps of an occasion that is left out may be any.
type expectedSteps struct {
	Do        []rules.StepDefinition `json:"do"`
	OnFailure []rules.StepDefinition `json:"on_failure"`
	Always    []rules.StepDefinition `json:"always"`
}

// UnmarshalJSON accepts a list of steps, or lists by occasion.
func (e *expectedSteps) UnmarshalJSON(text []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		type plain expectedSteps
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		return decoder.Decode((*plain)(e))
	}
	*e = expectedSteps{}
	return json.Unmarshal(text, &e.Do)
}

// compare says what of a plan's steps is not as expected.
func (e expectedSteps) compare(rule string, steps []rules.Step) []string {
	of := map[rules.Occasion][]rules.Step{}
	for _, step := range steps {
		of[step.Turn] = append(of[step.Turn], step)
	}
	return slices.Concat(
		compareSteps(rule, of[rules.InTurn], e.Do),
		compareSteps(rule+" on_failure", of[rules.OnFailure], e.OnFailure),
		compareSteps(rule+" always", of[rules.Always], e.Always),
	)
}

// compareSteps holds a plan's steps of one occasion against the expected ones, as
// far as these say.
func compareSteps(rule string, steps []rules.Step, want []rules.StepDefinition) []string {
	if len(want) == 0 {
		return nil // that it matches is all that was expected
	}
	if len(steps) != len(want) {
		return []string{fmt.Sprintf("rule %s has %d steps, expected %d", rule, len(steps), len(want))}
	}
	var surprises []string
	for i, step := range steps {
		if string(step.Action) != want[i].Action {
			surprises = append(surprises, fmt.Sprintf("rule %s step %d is %s, expected %s", rule, i+1, step.Action, want[i].Action))
			continue
		}
		var args map[string]any
		if err := decode(step.Args, &args); err != nil {
			return append(surprises, err.Error())
		}
		for name, template := range step.Late {
			if !strings.Contains(name, ".") {
				args[name] = template
			}
		}
		for _, name := range slices.Sorted(maps.Keys(want[i].Args)) {
			if expected := plainly(want[i].Args[name]); !reflect.DeepEqual(args[name], expected) {
				surprises = append(surprises, fmt.Sprintf("rule %s step %d (%s): %s is %v, expected %v", rule, i+1, step.Action, name, args[name], expected))
			}
		}
	}
	return surprises
}

// plainly is a value as JSON has it, so that 7 is 7 whatever its Go type.
func plainly(value any) any {
	var plain any
	if err := decode(value, &plain); err != nil {
		return value
	}
	return plain
}
