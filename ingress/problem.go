package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A Result says how a delivery ended. It is a label of the metrics, a field of
// the log and the last part of a problem's type.
type Result string

// All results; the list is closed.
const (
	Accepted    Result = "accepted"            // stored, and rules matched it
	Unmatched   Result = "unmatched"           // stored, and no rule matched it
	Duplicate   Result = "duplicate"           // stored before
	Greeted     Result = "greeted"             // tried the connection; nothing to store
	Finished    Result = "finished"            // the run that was asked for has ended; the answer is the run
	Denied      Result = "denied"              // proven, or not needed, and yet not allowed
	Malformed   Result = "malformed"           // cannot be read
	Unproven    Result = "unproven"            // the sender did not prove itself
	Unknown     Result = "unknown_source"      // nothing is configured at this address
	WrongMethod Result = "wrong_method"        // not POST
	Slow        Result = "slow_body"           // the body did not come in time, or not whole
	TooLarge    Result = "too_large"           // over the limit of bytes or events
	Unsupported Result = "unsupported"         // a media type or encoding that is not read
	TooMany     Result = "too_many"            // above the source's rate
	Busy        Result = "busy"                // too many deliveries at once
	Full        Result = "journal_full"        // the journal holds all it may
	Unavailable Result = "journal_unavailable" // the journal did not answer
	NoKeys      Result = "keys_unavailable"    // what is needed to judge the sender's proof cannot be fetched
	Broken      Result = "broken"              // a fault of the gateway
)

// What is over a limit of ours.
var (
	errTooLarge = errors.New("send less at once")
	errBusy     = errors.New("too many deliveries are being read: send it again")
)

// A refusal is a delivery that was not stored, and why.
type refusal struct {
	result    Result
	err       error         // for the log
	detail    string        // for the sender; "" = the error says it
	wait      time.Duration // until the sender may come again; 0 = as its result says
	challenge string        // of a 401
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refusalOf returns err as a refusal; an error that is none is the gateway's own fault.
func refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return &refusal{result: Broken, err: err, detail: "the gateway met a fault of its own and cannot say whether the event was stored: send it again, and tell the operator the time"}
}

func refuse(result Result, err error) *refusal { return &refusal{result: result, err: err} }

func refusef(result Result, format string, args ...any) *refusal {
	return refuse(result, fmt.Errorf(format, args...))
}

// A Problem is what a refused sender reads (RFC 9457).
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance,omitempty"` // path or subject that it was sent to
}

// problem says a refusal in words for the sender.
func (r *refusal) problem(instance string) Problem {
	detail := r.detail
	if detail == "" {
		detail = r.Error()
	}
	if len(instance) > 256 {
		instance = instance[:256]
	}
	return Problem{
		Type:     "urn:qlikgateway:problem:" + strings.ReplaceAll(string(r.result), "_", "-"),
		Title:    r.result.title(),
		Status:   r.result.Status(),
		Detail:   detail,
		Instance: strings.ToValidUTF8(instance, "?"),
	}
}

// Status returns the HTTP status that answers a delivery.
func (r Result) Status() int {
	switch r {
	case Accepted, Unmatched, Duplicate:
		return http.StatusAccepted
	case Greeted, Finished:
		return http.StatusOK
	case Denied:
		return http.StatusForbidden
	case Malformed:
		return http.StatusBadRequest
	case Unproven:
		return http.StatusUnauthorized
	case Unknown:
		return http.StatusNotFound
	case WrongMethod:
		return http.StatusMethodNotAllowed
	case Slow:
		return http.StatusRequestTimeout
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case Unsupported:
		return http.StatusUnsupportedMediaType
	case TooMany:
		return http.StatusTooManyRequests
	case Busy, Full, Unavailable, NoKeys:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (r Result) title() string {
	switch r {
	case Denied:
		return "This source may not do that"
	case Malformed:
		return "The delivery cannot be read"
	case Unproven:
		return "The sender is not proven"
	case Unknown:
		return "There is no such source"
	case WrongMethod:
		return "Events are sent with POST"
	case Slow:
		return "The body did not come"
	case TooLarge:
		return "The delivery is too large"
	case Unsupported:
		return "The body's type or encoding is not supported"
	case TooMany:
		return "Too many deliveries in a short time"
	case Busy:
		return "Too many deliveries at once"
	case Full:
		return "The journal is full"
	case Unavailable:
		return "The journal does not answer"
	case NoKeys:
		return "The proof cannot be judged"
	}
	return "The gateway has a fault"
}

// retryAfter is how long a refused sender should wait; 0 = nothing changes by waiting.
func (r Result) retryAfter() time.Duration {
	switch r {
	case Busy, TooMany:
		return time.Second
	case Unavailable, NoKeys:
		return 5 * time.Second
	case Full:
		return 30 * time.Second
	}
	return 0
}
