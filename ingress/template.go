package ingress

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A template is text with {body}, {body.path.to.value} and {header.Name} in it:
// what a signature covers, or how a preset makes an id of a sender's body. The last
// key of a path may be several, as in {body.outcome|status}: the first that has a
// value is meant. {digest} is a hash of what a JSON body says.
type template []piece

// A piece of a template is a literal text, the raw body, a value in the JSON
// body, or a header.
type piece struct {
	text   string   // literal
	header string   // name of the header
	raw    bool     // the body as received
	path   []string // keys and indexes into the JSON body
	digest bool     // a hash of the JSON body
}

// parseTemplate reads a template and says what is wrong with it.
func parseTemplate(text string) (template, error) {
	var t template
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			return append(t, piece{text: text}), nil
		}
		if open > 0 {
			t = append(t, piece{text: text[:open]})
		}
		name, rest, closed := strings.Cut(text[open+1:], "}")
		if !closed {
			return nil, errors.New(`"{" has no "}"`)
		}
		p, err := parsePiece(name)
		if err != nil {
			return nil, err
		}
		t, text = append(t, p), rest
	}
	return t, nil
}

func parsePiece(name string) (piece, error) {
	if name == "body" {
		return piece{raw: true}, nil
	}
	if name == "digest" {
		return piece{digest: true}, nil
	}
	if header, ok := strings.CutPrefix(name, "header."); ok && header != "" {
		return piece{header: header}, nil
	}
	if path, ok := strings.CutPrefix(name, "body."); ok && path != "" {
		return piece{path: strings.Split(path, ".")}, nil
	}
	return piece{}, fmt.Errorf("expected {body}, {body.path} or {header.Name}, got {%s}", name)
}

// fill puts a delivery's values in the template's places, each passed through
// escape when there is one. It is false when a value is missing: a template is
// used whole or not at all.
func (t template) fill(h http.Header, body *rules.Tree, escape func(string) string) (string, bool) {
	var out strings.Builder
	for _, p := range t {
		value, ok := p.text, true
		switch {
		case p.header != "":
			value, ok = single(h, p.header)
		case p.path != nil:
			value, ok = p.dig(body)
		case p.digest:
			value, ok = fingerprint(body)
		}
		if !ok {
			return "", false
		}
		if escape != nil && p.text == "" {
			value = escape(value)
		}
		out.WriteString(value)
	}
	return out.String(), out.Len() > 0
}

// dig returns the value at the piece's path: of several last keys, that of the first
// which has one.
func (p piece) dig(body *rules.Tree) (string, bool) {
	last := len(p.path) - 1
	parent := dig(body, p.path[:last])
	for key := range strings.SplitSeq(p.path[last], "|") {
		if value, ok := scalar(parent.At(key)); ok {
			return value, true
		}
	}
	return "", false
}

// fingerprint is the same for two bodies that say the same in JSON.
func fingerprint(body *rules.Tree) (string, bool) {
	var value any
	var err error
	if body != nil {
		value, err = decodeBody(body.Raw())
	}
	if err != nil {
		return "", false
	}
	encoded, err := json.Marshal(value)
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8]), err == nil
}

// part escapes a value that stands between slashes in an id, so that two different
// lists of values never make one id.
func part(value string) string { return strings.NewReplacer("%", "%25", "/", "%2F").Replace(value) }

// single returns the value of a header that is there exactly once. A header
// that comes twice is read differently by different programs, so it counts as
// missing.
func single(h http.Header, name string) (string, bool) {
	values := h.Values(name)
	if len(values) != 1 {
		return "", false
	}
	return values[0], values[0] != ""
}

// dig follows keys and array indexes into a JSON value; nil when there is nothing.
func dig(value *rules.Tree, path []string) *rules.Tree {
	for _, key := range path {
		value = value.At(key)
	}
	return value
}

// scalar returns a JSON value as text, so that 7 and "7" are the same id. It is
// false for an empty string, null, an object or an array.
func scalar(value *rules.Tree) (string, bool) {
	raw := value.Raw()
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '"':
		text, ok := rules.Text(raw)
		return text, ok && text != ""
	case '{', '[', 'n':
		return "", false
	case 't', 'f':
		return string(raw), true
	}
	return number(string(raw)), true
}

// number writes a whole number in one way, however it was sent: 7, 7.0 and 7e0 are
// one id, and so is "7".
func number(text string) string {
	if strings.Trim(text, "0123456789") == "" || len(text) > 32 {
		return text
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value != math.Trunc(value) || math.Abs(value) >= 1<<53 {
		return text
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

// parseSigned reads the template of what is signed: the raw body must be in it,
// once, and nothing that needs the body understood.
func parseSigned(text string) (template, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	bodies := 0
	for _, p := range t {
		if p.raw {
			bodies++
		}
		if p.path != nil || p.digest {
			return nil, errors.New("expected only {body}, {header.Name} and, where there is a timestamp, {timestamp}: a body is not read before it is proven")
		}
	}
	if bodies != 1 {
		return nil, errors.New("expected {body} in it, once")
	}
	return t, nil
}

// covers reports whether the template includes a header.
func (t template) covers(header string) bool {
	for _, p := range t {
		if strings.EqualFold(p.header, header) {
			return true
		}
	}
	return false
}
