package events

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// An Arrival is one proven event on its way to the journal.
type Arrival struct {
	Source   string            // configured source that it came through
	Event    cloudevents.Event // its data is the body as received
	Raw      []byte            // a structured event exactly as received, which DecodeStructured reads; nil for binary mode
	Facts    rules.Facts       // what the source's preset understood
	DedupeID string            // deliveries with the same one are one event; "" makes every delivery new
	ReplayID string            // set when the event was on the journal before and is to run again
}

// View returns the event as rules see it.
func (a Arrival) View() rules.Event {
	event := a.Event
	extensions := make(map[string]string, len(event.Extensions()))
	for name, value := range event.Extensions() {
		if text, err := types.Format(value); err == nil {
			extensions[name] = text
		}
	}
	return rules.Event{
		ID: event.ID(), Source: event.Source(), Type: event.Type(), Subject: event.Subject(), Time: event.Time(),
		GatewaySource: a.Source, Extensions: extensions, Facts: a.Facts,
		Data: rules.DecodeData(event.DataContentType(), event.Data()),
	}
}

// message returns what the journal stores but for subject, tenant and rules.
func (a Arrival) message() (*nats.Msg, error) {
	msg := nats.NewMsg("")
	if a.Raw != nil {
		msg.Header.Set(headerContentType, MediaEvent)
		msg.Data = a.Raw
	} else if err := a.binary(msg); err != nil {
		return nil, err
	}
	msg.Header.Set(HeaderSource, a.Source)
	if a.ReplayID != "" {
		msg.Header.Set(HeaderReplay, encodeHeader(a.ReplayID))
	}
	if a.Facts != (rules.Facts{}) {
		facts, err := json.Marshal(a.Facts)
		if err != nil {
			return nil, fmt.Errorf("encode facts: %w", err)
		}
		msg.Header.Set(HeaderFacts, string(facts))
	}
	return msg, nil
}

// binary writes the event in binary mode of the CloudEvents NATS binding.
func (a Arrival) binary(msg *nats.Msg) error {
	event := a.Event
	set := func(name, value string) {
		if value != "" {
			msg.Header.Set(attributePrefix+name, encodeHeader(value))
		}
	}
	set("specversion", event.SpecVersion())
	set("id", event.ID())
	set("source", event.Source())
	set("type", event.Type())
	set("subject", event.Subject())
	set("dataschema", event.DataSchema())
	if !event.Time().IsZero() {
		set("time", types.FormatTime(event.Time()))
	}
	for name, value := range event.Extensions() {
		text, err := types.Format(value)
		if err != nil {
			return fmt.Errorf("encode attribute %s: %w", name, err)
		}
		set(name, text)
	}
	if event.DataContentType() != "" {
		msg.Header.Set(headerContentType, event.DataContentType())
	}
	msg.Data = event.Data()
	return nil
}

// address returns the message for one tenant's rules, or, with the zero Target,
// for the events that no rule matched.
func (j *Journal) address(template *nats.Msg, a Arrival, target Target, revision uint64) *nats.Msg {
	msg := nats.NewMsg(j.cfg.InSubject + "." + Token(target.Tenant) + "." + Token(a.Source))
	if target.Tenant == "" {
		msg.Subject = j.cfg.UnmatchedSubject + "." + Token(a.Source)
	}
	for name, values := range template.Header {
		msg.Header[name] = values
	}
	if len(target.Rules) > 0 {
		msg.Header.Set(HeaderRules, strings.Join(target.Rules, ","))
	}
	msg.Header.Set(HeaderRevision, strconv.FormatUint(revision, 10))
	msg.Header.Set(jetstream.MsgIDHeader, digest(target.Tenant, a.Source, a.Event.Source(), a.DedupeID, a.ReplayID))
	msg.Data = template.Data
	return msg
}

// identified returns the arrival with an id of its own where the sender gave
// none, so that a publish that is repeated still stores it once.
func (a Arrival) identified() Arrival {
	if a.DedupeID == "" {
		a.DedupeID = "random:" + rand.Text()
	}
	return a
}

// digest returns a short text that differs whenever one of the parts does.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s,", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:18])
}
