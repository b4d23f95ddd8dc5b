package qlik

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Sizes up to which answers are read.
const (
	maxError  = 64 << 10
	maxAnswer = 64 << 20
)

// read decodes a successful answer. What can not be read is an error without a
// status: the call was carried out, or not; the answer does not tell.
func (c *Client) read(op string, resp *http.Response, out any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.untold(op, fmt.Errorf("read answer: %w", err), true)
	case len(body) > maxAnswer:
		return c.untold(op, fmt.Errorf("read answer: %w: over %d MiB", errUnusable, maxAnswer>>20), true)
	case out == nil:
		return nil
	}
	if optional, ok := out.(mayBeEmpty); ok {
		if out = optional.out; len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
	}
	if err := json.Unmarshal(body, out); err != nil {
		return c.untold(op, fmt.Errorf("read answer of status %d: %w: %v", resp.StatusCode, errUnusable, err), true) //nolint:errorlint // the cause is text: its kind says nothing here
	}
	return nil
}

// mayBeEmpty marks what an answer is decoded into if it has a body at all.
type mayBeEmpty struct{ out any }

// identified returns an error when an answer lacks the identifier it is about.
func (c *Client) identified(op, id string) error {
	if id == "" {
		return c.untold(op, fmt.Errorf("read answer: %w: no id", errUnusable), true)
	}
	return nil
}

// An errorBody is Qlik's error body in any of its forms.
type errorBody struct {
	Errors  []errorItem `json:"errors"`
	TraceID text        `json:"traceId"`
	errorItem
}

// An errorItem is one error of such a body; older services put it at the top.
type errorItem struct {
	Code   text            `json:"code"`
	Title  text            `json:"title"`
	Detail text            `json:"detail"`
	Meta   json.RawMessage `json:"meta"`
}

// decodeError reads an answer that is not a success. Whatever comes, it gives
// an error with the answer's status.
func decodeError(op string, resp *http.Response) *Error {
	e := &Error{Op: op, Status: resp.StatusCode, Sent: true, RetryAfter: retryAfter(resp.Header)}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil && len(raw) == 0 {
		return e
	}
	e.fill(raw)
	return e
}

// fill takes from an error body what it understands.
func (e *Error) fill(raw []byte) {
	var body errorBody
	if json.Unmarshal(raw, &body) != nil {
		return
	}
	item := body.errorItem
	if len(body.Errors) > 0 {
		item, e.More = body.Errors[0], len(body.Errors)-1
	}
	e.Code, e.Title, e.Detail, e.TraceID = clip(item.Code), clip(item.Title), clip(item.Detail), clip(body.TraceID)
	if json.Unmarshal(item.Meta, &e.Meta) != nil {
		e.Meta = nil
	}
}

// clip keeps a text from an answer printable and short enough for a log line.
func clip(t text) string {
	const most = 1024
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, string(t))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strings.TrimSpace(s)
}

// A text is a string that some services send as a number.
type text string

// UnmarshalJSON takes a string as it is, a number as its digits, and nothing else.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		*t = text(b)
	}
	return nil
}

// An instant is a time that may be empty.
type instant time.Time

// UnmarshalJSON takes RFC 3339, with or without a zone; "" and null are no time.
func (i *instant) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	if s == "" {
		return nil
	}
	var err error
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05"} {
		var t time.Time
		if t, err = time.Parse(layout, s); err == nil {
			*i = instant(t)
			return nil
		}
	}
	return fmt.Errorf("read time: %w", err)
}

// attributes takes the object out of the envelope that the live service sends;
// a flat object is given back as it is.
func attributes(b []byte) []byte {
	var e struct {
		Attributes json.RawMessage `json:"attributes"`
	}
	if json.Unmarshal(b, &e) == nil && bytes.HasPrefix(bytes.TrimSpace(e.Attributes), []byte("{")) {
		return e.Attributes
	}
	return b
}
