package rules

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// A Predicate says which of the gateway's own outcomes somebody wants to hear of.
// It never changes and is safe for concurrent use.
type Predicate struct {
	when *expression
}

// NewPredicate understands a CEL expression that gives true or false. It sees what
// a rule's `when` sees, and the outcome's `tenant` and `rule` as well.
func NewPredicate(source string) (*Predicate, error) {
	l, err := newLanguage()
	if err != nil {
		return nil, err
	}
	e, err := l.compile(source)
	switch {
	case err != nil:
		return nil, err
	case len(e.steps) > 0:
		return nil, errors.New("reads steps, which only arguments of a rule's steps can")
	case !fits(e.output, []*cel.Type{cel.BoolType}):
		return nil, fmt.Errorf("expected an expression that is true or false; this gives %s: %s", e.output, shorten(source))
	}
	return &Predicate{when: e}, nil
}

// Match reports whether the event is wanted. One that lacks what the expression
// reads is not; an expression that fails on it is an error.
func (p *Predicate) Match(ev Event) (bool, error) {
	result, err := p.when.eval(&variables{event: &ev})
	if errors.Is(err, errMissing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	wanted, ok := result.(types.Bool)
	if !ok {
		return false, fmt.Errorf("expected true or false, got %s", result.Type().TypeName())
	}
	return bool(wanted), nil
}
