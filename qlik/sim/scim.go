package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFilter is how deep the parentheses of a filter may go.
const maxFilter = 50

// A filter says whether the record with these attributes is wanted.
type filter func(attribute func(name string) string) bool

// filterRules say what a filter may speak of.
type filterRules struct {
	attributes []string
	ne         bool // not only eq
}

// readFilter reads a filter as RFC 7644 writes it, of which Qlik knows eq (and
// for webhooks ne), and, or and parentheses. `and` binds closer than `or`.
func readFilter(text string, rules filterRules) (filter, error) {
	tokens, err := filterTokens(text)
	if err != nil {
		return nil, err
	}
	p := &filterParser{tokens: tokens, filterRules: rules}
	f, err := p.or(0)
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("%s is not expected", p.tokens[0])
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// filterTokens cuts a filter into words, texts in quotes and parentheses.
func filterTokens(text string) ([]string, error) {
	var tokens []string
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("it is not UTF-8")
	}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := strings.IndexAny(text, " \t\r\n()\"")
		switch {
		case n < 0:
			n = len(text)
		case n == 0 && text[0] == '"':
			if n = quoted(text); n == 0 {
				return nil, fmt.Errorf("a text does not end: %s", text)
			}
		case n == 0:
			n = 1
		}
		tokens = append(tokens, text[:n])
		text = text[n:]
	}
	return tokens, nil
}

// quoted gives the length of the text in quotes that begins here; 0 if it does
// not end.
func quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// A filterParser reads tokens from left to right.
type filterParser struct {
	tokens []string
	filterRules
}

// take uses up the next token if it is this word.
func (p *filterParser) take(word string) bool {
	if len(p.tokens) == 0 || !strings.EqualFold(p.tokens[0], word) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *filterParser) or(depth int) (filter, error) {
	left, err := p.and(depth)
	for err == nil && p.take("or") {
		var right filter
		right, err = p.and(depth)
		first := left
		left = func(a func(string) string) bool { return first(a) || right(a) }
	}
	return left, err
}

func (p *filterParser) and(depth int) (filter, error) {
	left, err := p.term(depth)
	for err == nil && p.take("and") {
		var right filter
		right, err = p.term(depth)
		first := left
		left = func(a func(string) string) bool { return first(a) && right(a) }
	}
	return left, err
}

// term reads a filter in parentheses, or a comparison.
func (p *filterParser) term(depth int) (filter, error) {
	if depth > maxFilter {
		return nil, fmt.Errorf("the parentheses go deeper than %d", maxFilter)
	}
	if p.take("(") {
		inner, err := p.or(depth + 1)
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a closing parenthesis is missing")
		}
		return inner, err
	}
	if len(p.tokens) < 3 {
		return nil, fmt.Errorf(`a comparison such as status eq "FAILED" is expected at the end`)
	}
	name, operator, operand := p.tokens[0], p.tokens[1], p.tokens[2]
	p.tokens = p.tokens[3:]
	at := slices.IndexFunc(p.attributes, func(known string) bool { return strings.EqualFold(known, name) })
	if at < 0 {
		return nil, fmt.Errorf("%s is not one of %s", name, strings.Join(p.attributes, ", "))
	}
	ne := p.ne && strings.EqualFold(operator, "ne")
	if !ne && !strings.EqualFold(operator, "eq") {
		return nil, fmt.Errorf("%s is not an operator that is known here", operator)
	}
	wanted := operand
	switch {
	case strings.HasPrefix(operand, `"`):
		if err := json.Unmarshal([]byte(operand), &wanted); err != nil {
			return nil, fmt.Errorf("%s is not a text: %w", operand, err)
		}
	case operand != "true" && operand != "false":
		return nil, fmt.Errorf("%s is not a text in quotes", operand)
	}
	name = p.attributes[at]
	return func(attribute func(string) string) bool { return strings.EqualFold(attribute(name), wanted) != ne }, nil
}
