package events

// A Reason says why something failed, was refused or has to wait. The list is
// closed: reasons are metric labels, fields of events and filters of the console.
type Reason string

// Why a step or run failed or waits.
const (
	ReasonReloadFailed        Reason = "reload_failed"         // Qlik ended the reload FAILED
	ReasonReloadCanceled      Reason = "reload_canceled"       // somebody canceled the reload
	ReasonReloadExceededLimit Reason = "reload_exceeded_limit" // the reload exceeded a limit of the tenant
	ReasonReloadGone          Reason = "reload_gone"           // Qlik knows the reload no more
	ReasonAssertionFailed     Reason = "assertion_failed"      // an app's data is not as the rule says
	ReasonRetriesExhausted    Reason = "retries_exhausted"     // the retry policy allows no further attempt
	ReasonDeadline            Reason = "deadline"              // the run's deadline passed
	ReasonJoinExpired         Reason = "join_expired"          // parts of the join did not come in time
	ReasonCanceled            Reason = "canceled"              // an operator canceled the run
	ReasonUnknownOutcome      Reason = "unknown_outcome"       // whether a call took effect cannot be found out
	ReasonBadArgument         Reason = "bad_argument"          // an argument could not be evaluated or sent
	ReasonBadRequest          Reason = "bad_request"           // Qlik refused the request as wrong
	ReasonUnauthorized        Reason = "unauthorized"          // Qlik refuses our credentials
	ReasonForbidden           Reason = "forbidden"             // our Qlik user may not do this
	ReasonFrequencyQuota      Reason = "frequency_quota"       // the app's reloads of the day are used up
	ReasonNotFound            Reason = "not_found"             // the app or space does not exist, or not for us
	ReasonConflict            Reason = "conflict"              // Qlik says it conflicts with what is there
	ReasonPending             Reason = "pending"               // the app has a reload that has not ended
	ReasonRateLimited         Reason = "rate_limited"          // too many calls
	ReasonServerError         Reason = "server_error"          // Qlik answered 5xx
	ReasonTimeout             Reason = "timeout"               // no answer in time
	ReasonTransport           Reason = "transport"             // no connection, or it was cut
	ReasonBreakerOpen         Reason = "breaker_open"          // the tenant's circuit breaker is open
	ReasonByHand              Reason = "by_hand"               // an operator opened the tenant's circuit breaker
	ReasonStalled             Reason = "stalled"               // decided too long ago to be called safely
	ReasonShutdown            Reason = "shutdown"              // the gateway stopped during the call
)

// Why an event became a dead letter.
const (
	ReasonUndecodable   Reason = "undecodable"    // the journal's message cannot be read
	ReasonRuleRemoved   Reason = "rule_removed"   // the rule it matched is gone
	ReasonTooManyHops   Reason = "too_many_hops"  // too many of our own runs led to it: a loop of rules
	ReasonTenantDropped Reason = "tenant_dropped" // an operator dropped its tenant before it was taken up
)

// Why a subscription is not told, or not yet.
const (
	ReasonGone             Reason = "gone"              // the subscriber answered 410: it wants no more
	ReasonRefused          Reason = "refused"           // the subscriber answered 3xx or 4xx
	ReasonForbiddenAddress Reason = "forbidden_address" // its address is not a public one
	ReasonNotValidated     Reason = "not_validated"     // it did not say that it wants events
	ReasonFailing          Reason = "failing"           // it failed for too long
	ReasonExpired          Reason = "expired"           // outcomes were kept no longer
)

// Reasons lists every reason there is.
func Reasons() []Reason {
	return []Reason{
		ReasonReloadFailed, ReasonReloadCanceled, ReasonReloadExceededLimit, ReasonReloadGone, ReasonAssertionFailed,
		ReasonRetriesExhausted, ReasonDeadline, ReasonJoinExpired, ReasonCanceled, ReasonUnknownOutcome, ReasonBadArgument, ReasonBadRequest,
		ReasonTenantDropped, ReasonTooManyHops,
		ReasonUnauthorized, ReasonForbidden, ReasonFrequencyQuota, ReasonNotFound, ReasonConflict, ReasonPending,
		ReasonRateLimited, ReasonServerError, ReasonTimeout, ReasonTransport, ReasonBreakerOpen, ReasonByHand, ReasonStalled,
		ReasonShutdown, ReasonUndecodable, ReasonRuleRemoved,
		ReasonGone, ReasonRefused, ReasonForbiddenAddress, ReasonNotValidated, ReasonFailing, ReasonExpired,
	}
}
