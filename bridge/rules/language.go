package rules

import (
	"fmt"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// Bounds of one expression, so that no body can stall the gateway.
const (
	maxExpression = 4096    // its length, in characters
	maxCost       = 200_000 // of one evaluation, in CEL's units: a few milliseconds
	maxRange      = 1000    // items of a list that it makes
	maxRegex      = 1000    // instructions of a regular expression in it
)

// A language is CEL with the variables and functions that rules may use. It is
// safe for concurrent use.
type language struct {
	env *cel.Env
}

// newLanguage makes the language of rules: the event's attributes, its data,
// what the preset understood, a join's events, and the results of earlier steps.
func newLanguage() (*language, error) {
	options := []cel.EnvOption{
		cel.Variable("data", cel.DynType),
		cel.Variable("time", cel.TimestampType),
		cel.Variable("extensions", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("steps", cel.MapType(cel.StringType, cel.MapType(cel.StringType, cel.DynType))),
		cel.Variable("events", cel.MapType(cel.StringType, cel.MapType(cel.StringType, cel.DynType))),
		cel.Function("day",
			cel.Overload("day_timestamp", []*cel.Type{cel.TimestampType}, cel.StringType, cel.UnaryBinding(dayUTC)),
			cel.Overload("day_timestamp_zone", []*cel.Type{cel.TimestampType, cel.StringType}, cel.StringType, cel.BinaryBinding(dayIn)),
		),
		cel.OptionalTypes(), ext.Encoders(), cel.DefaultUTCTimeZone(true),
	}
	options = append(options, shared()...)
	for _, name := range slices.Concat(attributeNames(), extensionNames(), ownNames()) {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	return &language{env: env}, nil
}

// shared are the functions that rules and assertions both have, and the bounds of both.
func shared() []cel.EnvOption {
	return []cel.EnvOption{
		ext.Strings(), ext.Math(), ext.Sets(), ext.Lists(ext.ListsMaxRangeSize(maxRange)),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxExpression), cel.RegexProgramSizeLimit(maxRegex),
	}
}

// attributeNames are the text variables that every event has, be they empty.
func attributeNames() []string {
	return []string{"id", "source", "type", "subject", "gatewaysource", "outcome", "job", "job_id", "run_id"}
}

// extensionNames are the extension attributes that have a variable of their own:
// those documented with the CloudEvents specification and those that Qlik sends.
// All others are found in extensions.
func extensionNames() []string {
	return []string{
		"datacontenttype", "dataschema", "dataref",
		"authclaims", "authid", "authtype", "causationid", "correlationid", "expirytime", "partitionkey",
		"recordedtime", "sampledrate", "sequence", "sequencetype", "severitynumber", "severitytext", "traceparent", "tracestate",
		"clientid", "host", "originip", "ownerid", "reason", "sessionid", "spaceid", "tenantid", "toplevelresourceid", "userid",
	}
}

// ownNames are the attributes that only the gateway's own outcomes have.
func ownNames() []string { return []string{"tenant", "rule"} }

// An expression is CEL that compiled.
type expression struct {
	source  string
	program cel.Program
	output  *cel.Type
	demands []demand
	reads
}

// compile understands source, or says all that is wrong with it in one error.
func (l *language) compile(source string) (*expression, error) {
	ast, issues := l.env.Compile(source)
	if issues.Err() != nil {
		return nil, l.explain(source, issues)
	}
	reads, err := inspect(ast)
	if err != nil {
		return nil, fmt.Errorf("%w in: %s", err, source)
	}
	program, err := l.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("%w in: %s", err, source)
	}
	return &expression{source: source, program: program, output: ast.OutputType(), demands: demandsOf(ast), reads: reads}, nil
}

// template understands an argument's text.
func (l *language) template(source string) (*template, error) {
	segments, err := parseTemplate(source)
	if err != nil {
		return nil, err
	}
	t := &template{}
	for _, segment := range segments {
		if !segment.cel {
			t.pieces = append(t.pieces, piece{literal: segment.text})
			continue
		}
		e, err := l.compile(segment.text)
		if err != nil {
			return nil, err
		}
		t.pieces = append(t.pieces, piece{expression: e})
	}
	return t, nil
}

// eval runs the expression; every error wraps errMissing or says what went wrong.
func (e *expression) eval(vars *variables) (ref.Val, error) {
	result, _, err := e.program.Eval(vars)
	if err != nil {
		return nil, evalError(err)
	}
	return result, nil
}

// value runs the expression and returns its result as Go has it.
func (e *expression) value(vars *variables) (any, error) {
	result, err := e.eval(vars)
	if err != nil {
		return nil, fmt.Errorf("${%s}: %w", e.source, err)
	}
	return native(result), nil
}

// native returns the Go value of a scalar, and an empty list or object for the rest:
// no argument takes those, and messages only name their type.
func native(value ref.Val) any {
	switch v := value.(type) {
	case types.String, types.Bool, types.Int, types.Uint, types.Double, types.Timestamp, types.Duration:
		return v.Value()
	case types.Null:
		return nil
	}
	switch value.Type() {
	case types.ListType:
		return []any{}
	case types.MapType:
		return map[string]any{}
	default:
		return value.Value()
	}
}

func dayUTC(moment ref.Val) ref.Val {
	return types.String(moment.Value().(time.Time).UTC().Format(time.DateOnly))
}

func dayIn(moment, zone ref.Val) ref.Val {
	location, err := time.LoadLocation(zone.Value().(string))
	if err != nil {
		return types.NewErr("day: %s is not a time zone such as Europe/Berlin", zone.Value())
	}
	return types.String(moment.Value().(time.Time).In(location).Format(time.DateOnly))
}

// variables are what an expression sees: one event and, in arguments that
// waited, the events of a join and the results of earlier steps.
type variables struct {
	event *Event
	parts map[string]any // events of a join, by part
	steps map[string]map[string]any
}

// Parent is nil: there is nothing beyond the event and the steps.
func (v *variables) Parent() cel.Activation { return nil }

// ResolveName returns the value of a variable, false when the event has none.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "data":
		return v.event.Decoded(), true
	case "outcome":
		return v.event.Facts.Outcome, true
	case "job":
		return v.event.Facts.Job, true
	case "job_id":
		return v.event.Facts.JobID, true
	case "run_id":
		return v.event.Facts.RunID, true
	case "type":
		return v.event.Type, true
	case "source":
		return v.event.Source, true
	case "subject":
		return v.event.Subject, true
	case "id":
		return v.event.ID, true
	case "time":
		return v.event.Time, !v.event.Time.IsZero()
	case "gatewaysource":
		return v.event.GatewaySource, true
	case "extensions":
		return v.event.Extensions, true
	case "events":
		return v.parts, v.parts != nil
	case "steps":
		return v.steps, v.steps != nil
	}
	value, ok := v.event.Extensions[name]
	return value, ok
}
