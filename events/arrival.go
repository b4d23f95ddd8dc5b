package events

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

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
	Body     *rules.Tree       // the event's data where it was read already; nil = it was not
	Facts    rules.Facts       // what the source's preset understood
	DedupeID string            // deliveries with the same one are one event; "" makes every delivery new
	ReplayID string            // set when the event was on the journal before and is to run again
}

// View returns the event as rules see it. Its data is read only when they look at it,
// and of it is decoded what they look at.
func (a Arrival) View() rules.Event {
	event, body := a.Event, a.Body
	attributes := event.Extensions()
	extensions := make(map[string]string, len(attributes))
	for name, value := range attributes {
		if text, err := types.Format(value); err == nil {
			extensions[name] = text
		}
	}
	return rules.Event{
		ID: event.ID(), Source: event.Source(), Type: event.Type(), Subject: event.Subject(), Time: event.Time(),
		GatewaySource: a.Source, Extensions: extensions, Facts: a.Facts,
		Read: sync.OnceValue(func() any {
			if body != nil {
				return body.Data(event.DataContentType())
			}
			return rules.ReadData(event.DataContentType(), event.Data())
		}),
	}
}

// usualHeaders is how many headers a message of the journal has, more or less.
const usualHeaders = 16

// The broker takes so many bytes of headers, and of a message as a whole what it says
// itself. An event leaves room for what a dead letter says besides: what the journal
// took and the dead letters did not would be tried for ever.
const (
	mostHeaders   = 64<<10 - roomForBurial
	roomForBurial = 4 << 10
)

// headers are a message's, their values in one piece of memory.
type headers struct {
	of     nats.Header
	values []string
	size   int // as they are sent
}

func (h *headers) set(name, value string) {
	h.size += len(name) + len(": ") + len(value) + len("\r\n")
	h.values = append(h.values, value)
	h.of[name] = h.values[len(h.values)-1 : len(h.values) : len(h.values)]
}

// message returns what the journal stores for one tenant's rules, or, with the zero
// Target, among the events that no rule matched.
func (j *Journal) message(a Arrival, target Target, revision uint64) (*nats.Msg, error) {
	h := headers{of: make(nats.Header, usualHeaders), values: make([]string, 0, usualHeaders)}
	msg := &nats.Msg{Subject: j.cfg.InSubject + "." + Token(target.Tenant) + "." + Token(a.Source), Header: h.of, Data: a.Raw}
	if target.Tenant == "" {
		msg.Subject = j.cfg.UnmatchedSubject + "." + Token(a.Source)
	}
	if a.Raw != nil {
		h.set(headerContentType, MediaEvent)
	} else {
		msg.Data = a.Event.Data()
		if err := a.binary(h.set); err != nil {
			return nil, err
		}
	}
	h.set(HeaderSource, a.Source)
	if a.ReplayID != "" {
		h.set(HeaderReplay, encodeHeader(a.ReplayID))
	}
	if a.Facts != (rules.Facts{}) {
		facts, err := json.Marshal(a.Facts)
		if err != nil {
			return nil, fmt.Errorf("encode facts: %w", err)
		}
		h.set(HeaderFacts, string(facts))
	}
	if len(target.Rules) > 0 {
		h.set(HeaderRules, strings.Join(target.Rules, ","))
	}
	h.set(HeaderRevision, strconv.FormatUint(revision, 10))
	h.set(jetstream.MsgIDHeader, digest(target.Tenant, a.Source, a.Event.Source(), a.DedupeID, a.ReplayID))
	return msg, j.fits(h.size, len(msg.Data))
}

// fits returns ErrTooLarge when an event's headers or all of it are larger than the
// broker takes with a burial's added.
func (j *Journal) fits(headers, body int) error {
	most := j.js.Conn().MaxPayload()
	if headers > mostHeaders || most > 0 && int64(headers+body) > most-roomForBurial {
		return fmt.Errorf("append event: %w: %d bytes of headers and %d of body", ErrTooLarge, headers, body)
	}
	return nil
}

// binary sets the headers of binary mode in the CloudEvents NATS binding.
func (a Arrival) binary(header func(name, value string)) error {
	event := a.Event
	set := func(name, value string) {
		if value != "" {
			header(attributePrefix+name, encodeHeader(value))
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
		header(headerContentType, event.DataContentType())
	}
	return nil
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
	text := make([]byte, 0, 256)
	for _, part := range parts {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(append(text, ':'), part...), ',')
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}
