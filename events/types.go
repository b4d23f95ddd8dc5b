package events

// TypePrefix begins the type of every event that the gateway itself publishes.
const TypePrefix = "io.qlikgateway.v1."

// The types of events that tell how work ended or goes on.
const (
	TypeReloadQueued        = TypePrefix + "reload.queued"
	TypeReloadStarted       = TypePrefix + "reload.started"
	TypeReloadSucceeded     = TypePrefix + "reload.succeeded"
	TypeReloadFailed        = TypePrefix + "reload.failed"
	TypeReloadCanceled      = TypePrefix + "reload.canceled"
	TypeReloadExceededLimit = TypePrefix + "reload.exceeded_limit"
	TypeCopySucceeded       = TypePrefix + "copy.succeeded"
	TypeCopyFailed          = TypePrefix + "copy.failed"
	TypePublishSucceeded    = TypePrefix + "publish.succeeded"
	TypePublishFailed       = TypePrefix + "publish.failed"
	TypeRunSucceeded        = TypePrefix + "run.succeeded"
	TypeRunFailed           = TypePrefix + "run.failed"
	TypeRunCanceled         = TypePrefix + "run.canceled"
	TypeRunExpired          = TypePrefix + "run.expired"
	TypeRunHeld             = TypePrefix + "run.held"
	TypeBreakerOpened       = TypePrefix + "breaker.opened"
	TypeBreakerClosed       = TypePrefix + "breaker.closed"
	TypeTenantHeld          = TypePrefix + "tenant.held"
	TypeTenantReleased      = TypePrefix + "tenant.released"
)
