package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
)

// errMissing is why an expression has no value for an event that lacks a key.
var errMissing = errors.New("the event has no")

// evalError puts an error of CEL's evaluation into words, and tells missing keys
// from everything else.
func evalError(err error) error {
	text := err.Error()
	for _, prefix := range []string{"no such key: ", "no such attribute(s): "} {
		if key, ok := strings.CutPrefix(text, prefix); ok {
			return fmt.Errorf("%w %s", errMissing, key)
		}
	}
	switch {
	case strings.HasPrefix(text, "index out of bounds"):
		return fmt.Errorf("%w such item: %s", errMissing, text)
	case strings.Contains(text, "cost limit exceeded"):
		return errors.New("too much work for this event: the expression was stopped")
	case strings.HasPrefix(text, "no such overload"):
		return errors.New("a value has a type that this operation does not take")
	default:
		return errors.New(text)
	}
}

// explain puts the mistakes that CEL found in source into one sentence each,
// with the column and the expression.
func (l *language) explain(source string, issues *cel.Issues) error {
	const most = 3
	var texts []string
	for _, issue := range issues.Errors() {
		text, syntax := l.sentence(issue.Message)
		line, column := issue.Location.Line(), issue.Location.Column()+1
		place := fmt.Sprintf("column %d", column)
		if strings.Contains(source, "\n") {
			place = fmt.Sprintf("line %d, column %d", line, column)
		}
		if text = text + " at " + place; !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		if syntax || len(texts) == most {
			break
		}
	}
	return fmt.Errorf("%s in: %s", strings.Join(texts, "; "), shorten(source))
}

// sentence rewrites one of CEL's messages; syntax says that those after it are
// only its consequences.
func (l *language) sentence(message string) (text string, syntax bool) {
	if parsed, ok := strings.CutPrefix(message, "Syntax error: "); ok {
		return syntaxSentence(parsed), true
	}
	if name := quoted(message, "undeclared reference to '"); name != "" {
		return l.undeclared(name), false
	}
	if match := regexp.MustCompile(`^found no matching overload for '(.+)' applied to '(.+)'$`).FindStringSubmatch(message); match != nil {
		return fmt.Sprintf("%q does not take %s", operator(match[1]), match[2]), false
	}
	if match := regexp.MustCompile(`^expected type '(.+)' but found '(.+)'$`).FindStringSubmatch(message); match != nil {
		return fmt.Sprintf("expected %s, got %s", match[1], match[2]), false
	}
	return strings.Join(strings.Fields(message), " "), strings.Contains(message, "limit")
}

func syntaxSentence(message string) string {
	if strings.Contains(message, "input '<EOF>'") || strings.HasSuffix(message, "at '<EOF>'") {
		return "the expression ends too early"
	}
	if token := quoted(message, "token recognition error at: '"); token != "" {
		token = strings.TrimSpace(token)
		switch {
		case token == "=":
			return `unexpected "="; to compare, write ==`
		case strings.HasPrefix(token, `"`), strings.HasPrefix(token, "'"):
			return "a text without its closing quote"
		default:
			return "unexpected " + strconv.Quote(token)
		}
	}
	if token := quoted(message, "input '"); token != "" {
		return "unexpected " + strconv.Quote(token)
	}
	return message
}

// undeclared says that a name means nothing, and what was meant or where to look.
func (l *language) undeclared(name string) string {
	var known []string
	for _, variable := range l.env.Variables() {
		known = append(known, variable.Name())
	}
	known = append(known, sortedKeys(l.env.Functions())...)
	for _, macro := range l.env.Macros() {
		known = append(known, macro.Function())
	}
	known = slices.DeleteFunc(known, func(name string) bool {
		return strings.ContainsAny(name, "_@!?.") && !slices.Contains(attributeNames(), name)
	})
	slices.Sort(known)
	text := fmt.Sprintf("undeclared reference %q", name)
	if hint := didYouMean(name, known); hint != "" {
		return text + hint
	}
	if !slices.Contains(known, "extensions") {
		return text + ` (an assert knows rows("Table"), tables, fields, reload_time and peak_memory)`
	}
	return text + " (the body is under data, further attributes under extensions)"
}

// operator turns CEL's inner name _==_ into == and leaves functions alone.
func operator(name string) string {
	if strings.HasPrefix(name, "@") {
		return strings.TrimPrefix(name, "@")
	}
	if trimmed := strings.Trim(name, "_"); trimmed != "" && !strings.ContainsAny(trimmed, "abcdefghijklmnopqrstuvwxyz") {
		return trimmed
	}
	return name
}

// quoted returns the text between prefix and the quote that ends it, "" when
// prefix is not in message.
func quoted(message, prefix string) string {
	_, rest, found := strings.Cut(message, prefix)
	if !found {
		return ""
	}
	for _, rear := range []string{"' expecting", "' (in container", "' (did you mean"} {
		rest, _, _ = strings.Cut(rest, rear)
	}
	return strings.TrimSuffix(rest, "'")
}

// shorten returns source on one line of bearable length.
func shorten(source string) string {
	const longest = 200
	line := []rune(strings.Join(strings.Fields(source), " "))
	if len(line) > longest {
		return string(line[:longest]) + "..."
	}
	return string(line)
}
