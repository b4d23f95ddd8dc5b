package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// A reference is one steps.<step>.<field>, or events.<part>.<attribute>, in an expression.
type reference struct {
	step, field string
}

// reads are what an expression looks at.
type reads struct {
	steps []reference // steps.<name>.<field> in it
	parts []reference // events.<part>.<attribute> in it; the attribute may be ""
	event bool        // something of the event
	own   bool        // what only the gateway's own outcomes have
}

var errOwn = errors.New("tenant and rule are what the gateway's own outcomes say; they go with on: " + OwnSource)

var errParts = errors.New("events must be followed by a part of the join, as in events.dbt.data")

var errSteps = errors.New("steps must be followed by a step and a field, as in steps.copy.app_id")

// inspect lists what an expression reads.
func inspect(checked *cel.Ast) (found reads, err error) {
	root := ast.NavigateAST(checked.NativeRep())
	identifiers := ast.MatchDescendants(root, ast.KindMatcher(ast.IdentKind))
	for _, identifier := range identifiers {
		name := identifier.AsIdent()
		if name != "steps" && name != "events" {
			found.event = found.event || isVariable(name)
			found.own = found.own || slices.Contains(ownNames(), name)
			continue
		}
		step, parent := member(identifier)
		field, _ := member(parent)
		switch r := (reference{step: step, field: field}); {
		case name == "events" && step == "":
			return found, errParts
		case name == "events":
			found.parts = append(found.parts, r)
		case step == "" || field == "":
			return found, errSteps
		default:
			found.steps = append(found.steps, r)
		}
	}
	return found, nil
}

func isVariable(name string) bool {
	return slices.Contains(eventNames(), name)
}

// member returns the constant name by which the node's parent takes a part of it,
// written x.name or x["name"], and that parent.
func member(node ast.NavigableExpr) (string, ast.NavigableExpr) {
	if node == nil {
		return "", nil
	}
	parent, ok := node.Parent()
	if !ok {
		return "", nil
	}
	switch parent.Kind() {
	case ast.SelectKind:
		return parent.AsSelect().FieldName(), parent
	case ast.CallKind:
		call := parent.AsCall()
		if call.FunctionName() != operators.Index || call.Args()[0].ID() != node.ID() {
			return "", nil
		}
		if key := call.Args()[1]; key.Kind() == ast.LiteralKind {
			if name, ok := key.AsLiteral().(types.String); ok {
				return string(name), parent
			}
		}
	}
	return "", nil
}

// check reports why a reference leads nowhere, given the steps before it.
func (r reference) check(earlier []Step) error {
	var names []string
	for _, step := range earlier {
		if step.Name == r.step {
			return r.checkField(step.Action)
		}
		names = append(names, step.Name)
	}
	text := fmt.Sprintf("steps.%s is no earlier step of this rule%s", r.step, didYouMean(r.step, names))
	if len(names) > 0 {
		text += "; earlier steps: " + strings.Join(names, ", ")
	}
	return errors.New(text)
}

func (r reference) checkField(action Action) error {
	fields := Results(action)
	if fields == nil || slices.Contains(fields, r.field) {
		return nil
	}
	return errors.New(unknown("field of steps."+r.step, r.field, fields))
}
