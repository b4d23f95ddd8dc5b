package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxData is how many values an emitted event carries at most.
const maxData = 50

// arguments compiles what the step says, and the app that it inherits. What is to
// be deleted has to be said at the step itself.
func (s *stepCompiler) arguments(args map[string]any, app string) {
	signature := signatureOf(s.step.fixed.Action)
	for _, name := range sortedKeys(args) {
		path := append(slices.Clone(s.path), name)
		switch {
		case !signature.takesArgument(name):
			s.reportAt(path, "%s", unknown("argument of "+string(signature.Action), name, signature.Takes))
		case name == "variables":
			s.values(args[name], variablePrefix, maxVariables, path)
		case name == "data":
			s.values(args[name], dataPrefix, maxData, path)
		case name == "that":
			s.assertion(args[name], path)
		case name == "type":
			s.emitted(args[name], path)
		default:
			s.argument(name, args[name], path)
		}
	}
	if _, own := args["app"]; !own && app != "" && signature.takesArgument("app") && signature.Action != Delete {
		s.argument("app", app, s.path)
	}
}

// values compiles an argument that is names and values.
func (s *stepCompiler) values(value any, prefix string, most int, path []string) {
	values, ok := value.(map[string]any)
	if !ok {
		s.reportAt(path, "expected names and values, got %s", describe(value))
		return
	}
	if len(values) > most {
		if prefix == variablePrefix {
			s.reportAt(path, "%d variables; Qlik takes at most %d", len(values), most)
		} else {
			s.reportAt(path, "%d values; at most %d", len(values), most)
		}
	}
	noun := map[string]string{variablePrefix: "variable", dataPrefix: "value"}[prefix]
	for _, name := range sortedKeys(values) {
		at := append(slices.Clone(path), name)
		if name == "" || utf8.RuneCountInString(name) > maxText {
			s.reportAt(at, "the name of a %s has 1 to %d characters", noun, maxText)
		}
		s.argument(prefix+name, values[name], at)
	}
}

// assertion compiles what an assert holds. It is kept as it was written: only the
// app's data can answer it.
func (s *stepCompiler) assertion(value any, path []string) {
	source, ok := value.(string)
	err := fmt.Errorf("expected an expression such as rows(\"Sales\") > 0, got %s", describe(value))
	if ok {
		_, err = compileAssertion(source)
	}
	if err == nil {
		err = s.step.fixed.Args.setText("that", source)
	}
	if err != nil {
		s.wrong["that"] = true
		s.reportAt(path, "%s", err)
	}
}

// emitted checks the type of an event that a rule makes. It is fixed, as metrics
// and subjects are named after it.
func (s *stepCompiler) emitted(value any, path []string) {
	text, _ := value.(string)
	err := errors.New("expected a type such as com.example.sales.stale")
	switch {
	case strings.HasPrefix(text, "io.qlikgateway.") || strings.HasPrefix(text, "com.qlik."):
		err = errors.New("only the gateway and Qlik send events of such types; expected one of your own, such as com.example.sales.stale")
	case regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-zA-Z0-9_-]+)+$`).MatchString(text):
		err = s.step.fixed.Args.setText("type", text)
	}
	if err != nil {
		s.wrong["type"] = true
		s.reportAt(path, "%s", err)
	}
}

// setData puts a value into the data of an emitted event.
func (a *Args) setData(name string, value any) error {
	switch v := value.(type) {
	case time.Time, time.Duration:
		text, err := asText(v)
		if err != nil {
			return err
		}
		value = text
	case float64:
		if _, err := asText(v); err != nil { // JSON has no such number
			return err
		}
	case string, bool, int64, uint64:
	default:
		return fmt.Errorf("expected text, a number, true or false, got %s", describe(value))
	}
	if text, ok := value.(string); ok && len(text) > maxExpression {
		return fmt.Errorf("longer than %d bytes", maxExpression)
	}
	if a.Data == nil {
		a.Data = map[string]any{}
	}
	a.Data[name] = value
	return nil
}
