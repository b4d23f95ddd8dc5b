package events

import (
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/schemas"
)

// TypePrefix begins the type of every event that the gateway itself publishes.
const TypePrefix = rules.TypePrefix

// The types of events that tell how work ended or goes on; see Catalog.
const (
	TypeReloadQueued               = TypePrefix + "reload.queued"
	TypeReloadStarted              = TypePrefix + "reload.started"
	TypeReloadSucceeded            = TypePrefix + "reload.succeeded"
	TypeReloadFailed               = TypePrefix + "reload.failed"
	TypeReloadCanceled             = TypePrefix + "reload.canceled"
	TypeReloadExceededLimit        = TypePrefix + "reload.exceeded_limit"
	TypeCopySucceeded              = TypePrefix + "copy.succeeded"
	TypeCopyFailed                 = TypePrefix + "copy.failed"
	TypePublishSucceeded           = TypePrefix + "publish.succeeded"
	TypePublishFailed              = TypePrefix + "publish.failed"
	TypeMoveSucceeded              = TypePrefix + "move.succeeded"
	TypeMoveFailed                 = TypePrefix + "move.failed"
	TypeDeleteSucceeded            = TypePrefix + "delete.succeeded"
	TypeDeleteFailed               = TypePrefix + "delete.failed"
	TypeAssertSucceeded            = TypePrefix + "assert.succeeded"
	TypeAssertFailed               = TypePrefix + "assert.failed"
	TypeEmitFailed                 = TypePrefix + "emit.failed"
	TypeRunSucceeded               = TypePrefix + "run.succeeded"
	TypeRunFailed                  = TypePrefix + "run.failed"
	TypeRunCanceled                = TypePrefix + "run.canceled"
	TypeRunExpired                 = TypePrefix + "run.expired"
	TypeRunHeld                    = TypePrefix + "run.held"
	TypeForeignReloadSucceeded     = TypePrefix + "foreign_reload.succeeded"
	TypeForeignReloadFailed        = TypePrefix + "foreign_reload.failed"
	TypeForeignReloadCanceled      = TypePrefix + "foreign_reload.canceled"
	TypeForeignReloadExceededLimit = TypePrefix + "foreign_reload.exceeded_limit"

	TypeBreakerOpened  = TypePrefix + "breaker.opened"
	TypeBreakerClosed  = TypePrefix + "breaker.closed"
	TypeTenantHeld     = TypePrefix + "tenant.held"
	TypeTenantReleased = TypePrefix + "tenant.released"
	TypeTenantPaused   = TypePrefix + "tenant.paused"
	TypeTenantResumed  = TypePrefix + "tenant.resumed"
	TypeAppPaused      = TypePrefix + "app.paused"
	TypeAppResumed     = TypePrefix + "app.resumed"
	TypeRulePaused     = TypePrefix + "rule.paused"
	TypeRuleResumed    = TypePrefix + "rule.resumed"

	TypeBudgetWarned    = TypePrefix + "budget.warned"
	TypeBudgetExhausted = TypePrefix + "budget.exhausted"

	TypeAuditRecorded = TypePrefix + "audit.recorded"

	TypeSubscriptionWarned   = TypePrefix + "subscription.warned"
	TypeSubscriptionDisabled = TypePrefix + "subscription.disabled"
	TypeSubscriptionGap      = TypePrefix + "subscription.gap"
)

// A Kind is one type of event that the gateway publishes.
type Kind struct {
	Type     string // the CloudEvents type
	Schema   string // name of the JSON Schema of its data, one of schemas.Events
	Data     any    // zero value of the Go type of its data
	Key      string // what the last token of its subject is: app, rule, run, subscription, or "" for none
	Progress bool   // tells that something goes on, not how it ended
	When     string // when it is sent
}

// DataSchema returns the CloudEvents attribute dataschema, which is the $id of
// the JSON Schema.
func (k Kind) DataSchema() string { return schemas.EventID(k.Schema) }

// Catalog lists every type of event that the gateway publishes by itself. All
// that documents or checks them is made from this list.
func Catalog() []Kind {
	return []Kind{
		{TypeReloadQueued, "reload", ReloadData{}, "app", true, "Qlik accepted the reload and queued it"},
		{TypeReloadStarted, "reload", ReloadData{}, "app", true, "Qlik began the reload"},
		{TypeReloadSucceeded, "reload", ReloadData{}, "app", false, "the reload ended SUCCEEDED"},
		{TypeReloadFailed, "reload", ReloadData{}, "app", false, "the reload ended FAILED, or could not be started"},
		{TypeReloadCanceled, "reload", ReloadData{}, "app", false, "the reload ended CANCELED"},
		{TypeReloadExceededLimit, "reload", ReloadData{}, "app", false, "the reload ended EXCEEDED_LIMIT"},
		{TypeCopySucceeded, "copy", CopyData{}, "app", false, "the app was copied"},
		{TypeCopyFailed, "copy", CopyData{}, "app", false, "the app could not be copied"},
		{TypePublishSucceeded, "publish", PublishData{}, "app", false, "the app was published, or the published app replaced"},
		{TypePublishFailed, "publish", PublishData{}, "app", false, "the app could not be published"},
		{TypeMoveSucceeded, "move", MoveData{}, "app", false, "the app was moved to the space"},
		{TypeMoveFailed, "move", MoveData{}, "app", false, "the app could not be moved"},
		{TypeDeleteSucceeded, "delete", DeleteData{}, "app", false, "the app was deleted"},
		{TypeDeleteFailed, "delete", DeleteData{}, "app", false, "the app could not be deleted"},
		{TypeAssertSucceeded, "assert", AssertData{}, "app", false, "the app's data is as the rule says"},
		{TypeAssertFailed, "assert", AssertData{}, "app", false, "the app's data is not as the rule says, or could not be looked at"},
		{TypeEmitFailed, "emit", EmitData{}, "run", false, "an event of the rule's own type could not be made; those that can have that type"},
		{TypeRunSucceeded, "run", RunData{}, "run", false, "every step of the run succeeded"},
		{TypeRunFailed, "run", RunData{}, "run", false, "a step of the run failed for good"},
		{TypeRunCanceled, "run", RunData{}, "run", false, "the run was canceled"},
		{TypeRunExpired, "run", RunData{}, "run", false, "the run's deadline passed, or parts of its join did not come in time"},
		{TypeRunHeld, "run", RunData{}, "run", false, "whether a call took effect cannot be found out: somebody has to look, or the deadline ends the run"},
		{TypeForeignReloadSucceeded, "foreign_reload", ForeignReloadData{}, "app", false, "a reload that the gateway did not start ended SUCCEEDED; told for tenants with `foreign_reloads`"},
		{TypeForeignReloadFailed, "foreign_reload", ForeignReloadData{}, "app", false, "a reload that the gateway did not start ended FAILED"},
		{TypeForeignReloadCanceled, "foreign_reload", ForeignReloadData{}, "app", false, "a reload that the gateway did not start ended CANCELED"},
		{TypeForeignReloadExceededLimit, "foreign_reload", ForeignReloadData{}, "app", false, "a reload that the gateway did not start ended EXCEEDED_LIMIT"},
		{TypeBreakerOpened, "tenant", TenantData{}, "", false, "Qlik fails for the whole tenant, or an operator opened the breaker (reason `by_hand`): calls wait, nothing is lost"},
		{TypeBreakerClosed, "tenant", TenantData{}, "", false, "Qlik answers again: waiting calls go out"},
		{TypeTenantHeld, "tenant", TenantData{}, "", false, "Qlik refuses the gateway's credentials: calls wait, nothing is lost"},
		{TypeTenantReleased, "tenant", TenantData{}, "", false, "Qlik accepts the gateway's credentials again"},
		{TypeTenantPaused, "pause", PauseData{}, "", false, "an operator paused the tenant: no step begins, triggers gather"},
		{TypeTenantResumed, "pause", PauseData{}, "", false, "the tenant's pause ended, by an operator or its time"},
		{TypeAppPaused, "pause", PauseData{}, "app", false, "an operator paused the app: no step that touches it begins"},
		{TypeAppResumed, "pause", PauseData{}, "app", false, "the app's pause ended, by an operator or its time"},
		{TypeRulePaused, "pause", PauseData{}, "rule", false, "an operator paused the rule: no step of it begins, triggers gather"},
		{TypeRuleResumed, "pause", PauseData{}, "rule", false, "the rule's pause ended, by an operator or its time"},
		{TypeBudgetWarned, "budget", BudgetData{}, "app", false, "four fifths of the daily budget of an app, or of the tenant, are used"},
		{TypeBudgetExhausted, "budget", BudgetData{}, "app", false, "the daily budget of an app, or of the tenant, is used up: further reloads wait, nothing is lost"},
		{TypeAuditRecorded, "audit", AuditData{}, "", false, "an operator changed something on a running gateway, or tried to, through the API, a page or a command"},
		{TypeSubscriptionWarned, "subscription", SubscriptionData{}, "subscription", false, "deliveries over HTTP fail, and the subscription will be disabled if they go on failing"},
		{TypeSubscriptionDisabled, "subscription", SubscriptionData{}, "subscription", false, "nothing is delivered over HTTP until somebody enables the subscription: it answered 410, or failed for too long"},
		{TypeSubscriptionGap, "subscription", SubscriptionData{}, "subscription", false, "outcomes were kept no longer before they could be delivered"},
	}
}

// kindNamed finds a type in the catalog.
func kindNamed(name string) (Kind, bool) {
	for _, kind := range Catalog() {
		if kind.Type == name {
			return kind, true
		}
	}
	return Kind{}, false
}

// schemaOf returns the dataschema of a type, "" for one that is not the
// gateway's own.
func schemaOf(name string) string {
	kind, known := kindNamed(name)
	if !known {
		return ""
	}
	return kind.DataSchema()
}
