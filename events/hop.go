package events

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

// The hops of an event's way, in their order.
const (
	HopAccept  = "accept"  // from a proven delivery to its answer
	HopJournal = "journal" // until the journal has the event
	HopAdmit   = "admit"   // from the journal to a run
	HopRun     = "run"     // from a run's first cause to its end
	HopCall    = "call"    // one call to Qlik
	HopPublish = "publish" // an outcome, until it is stored
	HopDeliver = "deliver" // one try to tell a subscription over HTTP
)

// A Hop is one part of an event's way, told once it is over. Who wants to know, such
// as for traces, is a function of it; nil = nobody, which costs nothing.
type Hop struct {
	Name         string // one of the Hop constants
	Trace        string // the traceparent under which it belongs
	First        bool   // nothing came before it: it is itself the span that Trace names
	Run          string // the run it is part of, or that the event came to
	Began, Ended time.Time
	Reason       Reason // why it failed; "" = it did not

	// What is known of it, under the names of the log.
	Tenant, Rule, Source, Event, Type, Step, Action, App, Reload, Subscription string
}

// TraceParent returns the trace context that the event's sender gave, "" if none.
func (a Arrival) TraceParent() string {
	if parent := extension(a.Event, "traceparent"); ValidTrace(parent) {
		return parent
	}
	return ""
}

// Trace returns the trace context of an event: its sender's, or one made of what
// identifies it, so that every hop and every later process finds the same. given says
// that it is the sender's.
func (a Arrival) Trace() (parent string, given bool) {
	if parent = a.TraceParent(); parent != "" {
		return parent, true
	}
	sum := sha256.Sum256([]byte(digest(a.Source, a.Event.Source(), a.Event.ID(), a.ReplayID)))
	return fmt.Sprintf("00-%x-%x-01", sum[:16], sum[16:24]), false
}

// ValidTrace reports whether the text is a traceparent of W3C Trace Context, version 00.
func ValidTrace(parent string) bool {
	parts := strings.Split(parent, "-")
	if len(parts) != 4 || parts[0] != "00" {
		return false
	}
	for i, size := range []int{2, 32, 16, 2} {
		if len(parts[i]) != size || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
}

// extension returns an extension of an event that is text, "" when it has none.
func extension(event cloudevents.Event, name string) string {
	text, _ := event.Extensions()[name].(string)
	return text
}
