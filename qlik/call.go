package qlik

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A call is one operation with its arguments, ready to be sent.
type call struct {
	op     string
	path   []string   // the values of the path's parameters
	link   *url.URL   // instead of the path: a link that an answer gave
	query  url.Values // empty values are left out
	body   any        // sent as JSON; nil = no body
	stream *upload    // instead of body: sent as it is, in chunks
}

// do sends a call and decodes its answer into out, unless out is nil.
func (c *Client) do(ctx context.Context, k call, out any) error {
	resp, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(k.op, resp, out)
}

// send sends a call and gives its answer when that is a success; the caller
// closes its body. A 401 is sent again once if a fresh token may help.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	op := c.operations[k.op]
	if op.cloudOnly && c.dialect != Cloud {
		return nil, &Error{Op: k.op, Err: ErrNotInDialect}
	}
	target, err := c.target(op, k)
	if err != nil {
		return nil, err
	}
	limit := c.timeout
	if op.Slow {
		limit = c.slowTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	for again := true; ; again = false {
		body, contentType, err := k.payload()
		if err != nil {
			cancel()
			return nil, invalid(k.op, "body: %v", err)
		}
		req, err := http.NewRequestWithContext(ctx, op.Method, target, body)
		if err != nil {
			cancel()
			return nil, invalid(k.op, "%v", err)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		resp, token, err := c.attempt(req, k.op)
		if err != nil {
			cancel()
			return nil, err
		}
		if resp.StatusCode < 300 {
			resp.Body = &closer{resp.Body, cancel}
			return resp, nil
		}
		failure := c.failure(k.op, resp)
		if again && resp.StatusCode == http.StatusUnauthorized && c.credential().renew(token) && k.rewind() {
			continue
		}
		cancel()
		return nil, failure
	}
}

// attempt proves who calls and sends one request. It gives the token it used.
func (c *Client) attempt(req *http.Request, op string) (*http.Response, string, error) {
	token, err := c.credential().token(req.Context())
	if err == nil {
		err = req.Context().Err()
	}
	if err != nil {
		return nil, "", c.untold(op, err, false)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("User-Agent", c.userAgent)
	var trace tracker
	resp, err := c.http.Do(req.WithContext(trace.watch(req.Context())))
	if err != nil {
		return nil, "", c.untold(op, bare(err), trace.maySent())
	}
	c.noteTime(resp.Header)
	return resp, token, nil
}

// untold is the error of a call that got no answer.
func (c *Client) untold(op string, err error, sent bool) error {
	var known *Error
	if errors.As(err, &known) { // from the token endpoint
		told := *known
		told.Op = op
		told.Title, told.Detail = c.credential().redact(told.Title), c.credential().redact(told.Detail)
		return &told
	}
	return &Error{Op: op, Sent: sent, Err: redacted{err, c.credential().redact(err.Error())}}
}

// failure decodes an answer that is not a success, and closes it.
func (c *Client) failure(op string, resp *http.Response) *Error {
	defer func() { _ = resp.Body.Close() }()
	e := decodeError(op, resp)
	e.Title, e.Detail, e.Code = c.credential().redact(e.Title), c.credential().redact(e.Detail), c.credential().redact(e.Code)
	return e
}

// target builds the address of a call, each path parameter escaped.
func (c *Client) target(op Operation, k call) (string, error) {
	if k.link != nil {
		return k.link.String(), nil
	}
	path := op.Path
	if op.CloudPath != "" && c.dialect == Cloud {
		path = op.CloudPath
	}
	for _, value := range k.path {
		open, end := strings.Index(path, "{"), strings.Index(path, "}")
		if value == "" || value == "." || value == ".." {
			return "", invalid(k.op, "%s: expected an identifier, got %q", path[open+1:end], value)
		}
		path = path[:open] + url.PathEscape(value) + path[end+1:]
	}
	for name, values := range k.query {
		if values[0] == "" {
			k.query.Del(name)
		}
	}
	target := c.base.String() + path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	return target, nil
}

// payload gives the body of a call for one attempt, and its content type. What an
// attempt before it has sent is not read on: net/http may still be at it.
func (k call) payload() (io.Reader, string, error) {
	if k.stream != nil {
		return k.stream.next(), "application/octet-stream", nil
	}
	if k.body == nil {
		return nil, "", nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(k.body); err != nil {
		return nil, "", err
	}
	return bytes.NewReader(b.Bytes()), "application/json", nil
}

// rewind makes a body ready to be sent again, if it can be.
func (k call) rewind() bool { return k.stream == nil || k.stream.rewind() == nil }

// A tracker watches how far a request got.
type tracker struct{ watched, written atomic.Bool }

// watch adds the tracker to a request's context.
func (t *tracker) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { t.watched.Store(true) },
		WroteHeaders: func() { t.written.Store(true) },
	})
}

// maySent is false only when it is certain that nothing of the request was
// written. A transport that can not be watched may have written it.
func (t *tracker) maySent() bool { return !t.watched.Load() || t.written.Load() }

// A redacted error keeps its cause and hides the secrets in its text.
type redacted struct {
	cause error
	text  string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.cause }

// bare takes the method and address off an error of net/http.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// A closer ends a call's context when its answer was read.
type closer struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *closer) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// longestRetry is the longest wait that is believed: Qlik's own limits last for minutes.
// A date by a wrong clock, or a number of milliseconds, must not stop a tenant for years.
const longestRetry = time.Hour

// retryAfter reads a Retry-After header: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestRetry)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(0, at.Sub(now)), longestRetry)
}
