package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// A Data is what an app holds, as far as an assert can ask.
type Data struct {
	Tables     map[string]Table
	Fields     []string      // names, each once
	ReloadTime time.Duration // CPU time that the last reload took
	PeakMemory int64         // bytes that it took at most
}

// A Table is one table of an app's data.
type Table struct{ Rows, Fields, Bytes int64 }

// ErrUntrue is wrapped by the error of an assertion that does not hold.
var ErrUntrue = errors.New("assertion")

// Hold returns nil if an assertion holds for an app's data, and otherwise why not;
// the error wraps ErrUntrue. It is pure.
func Hold(assertion string, data Data) error {
	e, err := compileAssertion(assertion)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUntrue, err)
	}
	tables := map[string]map[string]int64{}
	for name, table := range data.Tables {
		tables[name] = map[string]int64{"rows": table.Rows, "fields": table.Fields, "bytes": table.Bytes}
	}
	result, _, err := e.program.Eval(map[string]any{
		"tables": tables, "fields": append([]string{}, data.Fields...),
		"reload_time": data.ReloadTime, "peak_memory": data.PeakMemory,
	})
	if err != nil {
		err = evalError(err)
		if key, missing := strings.CutPrefix(err.Error(), errMissing.Error()+" "); missing && !strings.HasPrefix(key, "such item") {
			return fmt.Errorf("%w %s: the app has no table %s%s", ErrUntrue, shorten(assertion), key, data.has())
		}
		return fmt.Errorf("%w %s: %w", ErrUntrue, shorten(assertion), err)
	}
	if result != types.True {
		return fmt.Errorf("%w %s is false%s", ErrUntrue, shorten(assertion), data.has())
	}
	return nil
}

// has says in words what the app holds.
func (d Data) has() string {
	const most = 10
	var tables []string
	for _, name := range sortedKeys(d.Tables) {
		tables = append(tables, fmt.Sprintf("%s %d", name, d.Tables[name].Rows))
	}
	if len(tables) > most {
		tables = append(tables[:most], "...")
	}
	if len(tables) == 0 {
		return "; it has no tables"
	}
	return "; rows: " + strings.Join(tables, ", ")
}

// compileAssertion understands an expression over an app's data.
func compileAssertion(source string) (*expression, error) {
	if source == "" {
		return nil, errors.New("is empty")
	}
	env, err := cel.NewEnv(append(shared(),
		cel.Variable("tables", cel.MapType(cel.StringType, cel.MapType(cel.StringType, cel.IntType))),
		cel.Variable("fields", cel.ListType(cel.StringType)),
		cel.Variable("reload_time", cel.DurationType),
		cel.Variable("peak_memory", cel.IntType),
		cel.Macros(slices.Concat(cel.StandardMacros, []cel.Macro{cel.GlobalMacro("rows", 1, rowsOf)})...),
	)...)
	if err != nil {
		return nil, fmt.Errorf("set up CEL: %w", err)
	}
	l := &language{env: env}
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, l.explain(source, issues)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("expected an expression that is true or false; this gives %s: %s", checked.OutputType(), shorten(source))
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("%w in: %s", err, source)
	}
	return &expression{source: source, program: program, output: checked.OutputType()}, nil
}

// rowsOf makes tables["Sales"]["rows"] of rows("Sales").
func rowsOf(make cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	table := make.NewCall("_[_]", make.NewIdent("tables"), args[0])
	return make.NewSelect(table, "rows"), nil
}
