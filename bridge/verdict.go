package bridge

import (
	"errors"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A ruling is one row of the verdict table: what a kind of failure means for a
// call that may be repeated and for one that may not.
type ruling struct {
	repeatable VerdictKind // the call is idempotent, or was never sent
	once       VerdictKind // it may have taken effect
	reason     events.Reason
}

// rulings is the verdict table: the one place where a failure gets its meaning.
func rulings() map[qlik.Reason]ruling {
	return map[qlik.Reason]ruling{
		qlik.ReasonInvalid:      {VerdictFail, VerdictFail, events.ReasonBadArgument},
		qlik.ReasonNotInDialect: {VerdictFail, VerdictFail, events.ReasonBadArgument},
		qlik.ReasonBadRequest:   {VerdictFail, VerdictFail, events.ReasonBadRequest},
		qlik.ReasonUnauthorized: {VerdictHold, VerdictHold, events.ReasonUnauthorized},
		qlik.ReasonForbidden:    {VerdictFail, VerdictFail, events.ReasonForbidden},
		qlik.ReasonFrequency:    {VerdictWaitLong, VerdictWaitLong, events.ReasonFrequencyQuota},
		qlik.ReasonNotFound:     {VerdictFail, VerdictFail, events.ReasonNotFound},
		qlik.ReasonConflict:     {VerdictFail, VerdictFail, events.ReasonConflict},
		qlik.ReasonPending:      {VerdictWaitApp, VerdictWaitApp, events.ReasonPending},
		qlik.ReasonRateLimited:  {VerdictAgain, VerdictAgain, events.ReasonRateLimited},
		qlik.ReasonServer:       {VerdictRetry, VerdictLost, events.ReasonServerError},
		qlik.ReasonTimeout:      {VerdictRetry, VerdictLost, events.ReasonTimeout},
		qlik.ReasonTransport:    {VerdictRetry, VerdictLost, events.ReasonTransport},
		qlik.ReasonCanceled:     {VerdictAgain, VerdictLost, events.ReasonShutdown},
	}
}

// Judge says what the result of a call means. idempotent tells whether the call
// may be repeated when its answer was lost.
func Judge(err error, idempotent bool) Verdict {
	var failure *qlik.Error
	switch {
	case err == nil:
		return Verdict{Kind: VerdictDone}
	case errors.Is(err, qlik.ErrOpen):
		return Verdict{Kind: VerdictAgain, Reason: events.ReasonBreakerOpen, Text: err.Error()}
	case errors.Is(err, errStalled), errors.Is(err, errUnmet):
		return Verdict{Kind: VerdictAgain, Reason: events.ReasonStalled, Text: err.Error()}
	case errors.Is(err, rules.ErrUntrue):
		return Verdict{Kind: VerdictFail, Reason: events.ReasonAssertionFailed, Text: err.Error()}
	case !errors.As(err, &failure):
		return unforeseen(err, idempotent)
	}
	row, known := rulings()[failure.Reason()]
	if !known {
		return unforeseen(err, idempotent)
	}
	kind := row.once
	if idempotent || !failure.Sent {
		kind = row.repeatable
	}
	return Verdict{Kind: kind, After: failure.RetryAfter, Reason: row.reason, Code: failure.Code, Text: failure.Error()}
}

// unanswered says whether no answer came to a call: it may reach Qlik yet.
func unanswered(reason events.Reason) bool {
	return reason == events.ReasonTimeout || reason == events.ReasonTransport || reason == events.ReasonShutdown
}

// unforeseen judges an error that the table does not know: as an answer that was lost.
func unforeseen(err error, idempotent bool) Verdict {
	kind := VerdictLost
	if idempotent {
		kind = VerdictRetry
	}
	return Verdict{Kind: kind, Reason: events.ReasonTransport, Text: err.Error()}
}
