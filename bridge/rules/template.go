package rules

import (
	"errors"
	"fmt"
	"strings"
)

// A segment is a piece of a template as written: literal text, or the CEL between ${ and }.
type segment struct {
	text string
	cel  bool
}

// parseTemplate cuts text at its ${...}. `$${` stands for a literal `${`; a `}`
// inside a CEL string or between braces of its own does not end an expression.
func parseTemplate(text string) ([]segment, error) {
	var segments []segment
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			segments = append(segments, segment{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "$${"):
			literal.WriteString("${")
			i += len("$${")
		case strings.HasPrefix(text[i:], "${"):
			length, err := expressionLength(text[i+2:])
			source := text[i+2:][:length]
			if err == nil && strings.TrimSpace(source) == "" {
				err = errEmpty
			}
			if err != nil {
				return nil, fmt.Errorf("%w at column %d", err, i+1)
			}
			flush()
			segments = append(segments, segment{text: source, cel: true})
			i += 2 + length + 1
		default:
			literal.WriteByte(text[i])
			i++
		}
	}
	flush()
	return segments, nil
}

var (
	errOpen  = errors.New("${ without a closing }")
	errEmpty = errors.New("nothing between ${ and }")
)

// expressionLength returns how far text is CEL, up to the } that closes it.
func expressionLength(text string) (int, error) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i, nil
			}
			depth--
		case '"', '\'':
			i += stringLength(text, i) - 1
		}
	}
	return 0, errOpen
}

// stringLength returns the length of the CEL string literal that starts at text[at].
func stringLength(text string, at int) int {
	quote := text[at : at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[at:], triple) {
		quote = triple
	}
	raw := at > 0 && strings.ContainsRune("rR", rune(text[at-1]))
	for i := at + len(quote); i < len(text); i++ {
		if text[i] == '\\' && !raw {
			i++
			continue
		}
		if strings.HasPrefix(text[i:], quote) {
			return i + len(quote) - at
		}
	}
	return len(text) - at
}

// A template is an argument's text with its expressions compiled.
type template struct {
	pieces []piece
}

// A piece is literal text when expression is nil.
type piece struct {
	literal    string
	expression *expression
}

// constant returns the text of a template without expressions.
func (t *template) constant() (string, bool) {
	switch {
	case len(t.pieces) == 0:
		return "", true
	case len(t.pieces) == 1 && t.pieces[0].expression == nil:
		return t.pieces[0].literal, true
	default:
		return "", false
	}
}

// single returns the expression of a template that is one ${...} and nothing
// else; such a template keeps the type of its value.
func (t *template) single() *expression {
	if len(t.pieces) != 1 {
		return nil
	}
	return t.pieces[0].expression
}

// steps returns what the template reads of the results of steps.
func (t *template) steps() []reference {
	var references []reference
	for _, piece := range t.pieces {
		if piece.expression != nil {
			references = append(references, piece.expression.steps...)
		}
	}
	return references
}

// eval returns the template's value.
func (t *template) eval(vars *variables) (any, error) {
	if e := t.single(); e != nil {
		return e.value(vars)
	}
	var text strings.Builder
	for _, piece := range t.pieces {
		if piece.expression == nil {
			text.WriteString(piece.literal)
			continue
		}
		value, err := piece.expression.value(vars)
		if err != nil {
			return nil, err
		}
		inner, err := asText(value)
		if err != nil {
			return nil, fmt.Errorf("${%s}: %w", piece.expression.source, err)
		}
		text.WriteString(inner)
	}
	return text.String(), nil
}
