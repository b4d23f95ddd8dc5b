package events

import (
	"strconv"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// extensionHops counts how many runs an event comes from: an outcome carries that of
// its run, 0 is left out; the event that it is to rules is one further.
const extensionHops = "hops"

// Heard returns one of the gateway's own outcomes as the event that it is to rules of
// the source rules.OwnSource. However often it is heard, it is one event.
func Heard(outcome cloudevents.Event) Arrival {
	a := Arrival{Source: rules.OwnSource, Event: outcome.Clone(), DedupeID: outcome.ID()}
	a.Event.SetExtension(extensionHops, strconv.Itoa(a.Hops()+1))
	a.Facts = rules.Facts{Outcome: rules.OutcomeOf(outcome.Type())}
	a.Facts.Job, _ = outcome.Extensions()["rule"].(string)
	a.Facts.RunID, _ = outcome.Extensions()["correlationid"].(string)
	return a
}

// Hops returns how many of the gateway's own runs led to the event, 0 for one that
// somebody else sent, whatever it says.
func (a Arrival) Hops() int {
	if a.Source != rules.OwnSource {
		return 0
	}
	text, err := types.Format(a.Event.Extensions()[extensionHops])
	if err != nil {
		return 0
	}
	hops, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return max(hops, 0)
}

// FirstHop makes the event one that no run led to, when a person sends it again.
func (a *Arrival) FirstHop() {
	if a.Source == rules.OwnSource {
		a.Event.SetExtension(extensionHops, "1")
	}
}
