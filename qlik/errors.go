package qlik

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrInvalid is wrapped by the error of a call whose arguments can not be sent,
// such as a name of more than 256 characters. Nothing was sent.
var ErrInvalid = errors.New("invalid argument")

// errUnusable is wrapped when an answer came that says nothing: broken off, not
// JSON, or without the identifier it must have.
var errUnusable = errors.New("unusable answer")

// Codes of Qlik's errors that call for a different reaction than their status.
const (
	CodePending   = "RELOADS-007" // 429: the app already has a reload that has not ended
	CodeFrequency = "RELOADS-013" // 403: the app's reloads of the day are used up
	CodeRateLimit = "HTTP-429"    // 429: too many calls; see RetryAfter
)

// A Reason names what kind of failure an Error is. The list is closed.
type Reason string

// The reasons.
const (
	ReasonInvalid      Reason = "invalid"       // refused by this client, nothing sent
	ReasonBadRequest   Reason = "bad_request"   // 400 and other 4xx without a reason of their own
	ReasonUnauthorized Reason = "unauthorized"  // 401, after a fresh token where there is one
	ReasonForbidden    Reason = "forbidden"     // 403
	ReasonFrequency    Reason = "frequency"     // 403 RELOADS-013
	ReasonNotFound     Reason = "not_found"     // 404, 410
	ReasonConflict     Reason = "conflict"      // 409, 412
	ReasonPending      Reason = "pending"       // 429 RELOADS-007
	ReasonRateLimited  Reason = "rate_limited"  // every other 429
	ReasonServer       Reason = "server"        // 5xx
	ReasonTimeout      Reason = "timeout"       // no answer in time
	ReasonTransport    Reason = "transport"     // no connection, cut off, or an unusable answer
	ReasonCanceled     Reason = "canceled"      // the caller's context was cancelled
	ReasonNotInDialect Reason = "not_supported" // the tenant's dialect has no such call
)

// An Error is how one call failed. Every error of a Client's methods is or wraps one.
type Error struct {
	Op     string // the operationId
	Status int    // of the answer; 0 when none came, or none that could be read

	Code, Title, Detail string // of the answer's first error, where it has them
	TraceID             string
	Meta                map[string]any
	More                int // further errors in the same answer

	RetryAfter time.Duration // 0 when the answer does not say
	Sent       bool          // the request may have reached Qlik
	Err        error         // the cause, when there was no answer
}

// Error says what failed, in one line, without a secret.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	switch {
	case e.Title != "":
		b.WriteString(" " + e.Title)
	case e.Status != 0:
		b.WriteString(" " + http.StatusText(e.Status))
	}
	if e.Detail != "" && e.Detail != e.Title {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.TraceID != "" {
		b.WriteString(" (trace " + e.TraceID + ")")
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Reason classifies the error, the code before the status.
func (e *Error) Reason() Reason {
	switch {
	case e.Code == CodePending:
		return ReasonPending
	case e.Code == CodeFrequency:
		return ReasonFrequency
	case e.Status == 0:
		return e.unanswered()
	}
	return reasonOf(e.Status)
}

// unanswered classifies an error without a status.
func (e *Error) unanswered() Reason {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(e.Err, ErrInvalid):
		return ReasonInvalid
	case errors.Is(e.Err, ErrNotInDialect):
		return ReasonNotInDialect
	case errors.Is(e.Err, context.Canceled):
		return ReasonCanceled
	case errors.Is(e.Err, context.DeadlineExceeded), errors.As(e.Err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	}
	return ReasonTransport
}

// reasonOf classifies a status.
func reasonOf(status int) Reason {
	switch status {
	case http.StatusUnauthorized:
		return ReasonUnauthorized
	case http.StatusForbidden:
		return ReasonForbidden
	case http.StatusNotFound, http.StatusGone:
		return ReasonNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return ReasonConflict
	case http.StatusTooManyRequests:
		return ReasonRateLimited
	}
	if status >= 500 {
		return ReasonServer
	}
	return ReasonBadRequest
}

// broken says that the error speaks against the tenant's health.
func (e *Error) broken() bool {
	switch e.Reason() {
	case ReasonServer, ReasonTimeout, ReasonTransport:
		return true
	}
	return false
}

// invalid is the error of a call whose arguments can not be sent.
func invalid(op, format string, args ...any) error {
	return &Error{Op: op, Err: fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)}
}
