package ingress

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// Types of events that are no CloudEvents and that no preset understands.
const (
	TypeWebhook = "io.qlikgateway.v1.webhook.received"
	TypeMessage = "io.qlikgateway.v1.message.received"
)

// A message is one delivery as it came in, over HTTP or NATS.
type message struct {
	header     http.Header
	body       []byte
	subject    string // the NATS subject; "" over HTTP
	arrived    time.Time
	eventsOnly bool   // only CloudEvents are welcome
	id         string // of the delivery where the sender gives none; "" = every delivery is new
}

// read makes events of a proven message. What cannot be read is a *refusal.
func (s *source) read(m message) ([]events.Arrival, error) {
	media, _ := media(m.header.Get("Content-Type"))
	if looksJSON(m.header.Get("Content-Type"), m.body) && tooDeep(m.body) {
		return nil, refusef(Malformed, "the body nests more than %d arrays and objects in each other", maxDepth)
	}
	if attempted(unmarked(m.body)) {
		m.body = unmarked(m.body)
	}
	switch {
	case s.name == RunsSource:
		return one(s.request(m))
	case s.reading != nil && !s.takesEvents(media, m.header):
		return s.understand(m)
	case media == events.MediaEvent, media == "" && m.subject != "" && looksStructured(m.body):
		event, err := events.DecodeStructured(m.body)
		return one(s.arrival(event, m.body), err)
	case s.batched(m):
		return s.batch(m.body)
	case strings.HasPrefix(media, "application/cloudevents"):
		return nil, refusef(Unsupported, "Content-Type %.100q is not read: send %s, %s (HTTP only) or binary mode", media, events.MediaEvent, events.MediaBatch)
	case hasAttributes(m.header):
		event, err := readBinary(m.header, m.body)
		traced(&event, m.header)
		return one(s.arrival(event, nil), err)
	case m.eventsOnly || s.reading != nil:
		return nil, refusef(Unsupported, "only CloudEvents 1.0 are read here: send Content-Type %s, or the attributes as ce- headers", events.MediaEvent)
	}
	return one(s.plain(m))
}

// one wraps a single reading.
func one(a events.Arrival, err error) ([]events.Arrival, error) {
	if err != nil {
		return nil, refuse(Malformed, err)
	}
	return []events.Arrival{a}, nil
}

// arrival is the event on its way to the journal. Its id is what makes two
// deliveries one; where the sender gave none it is random, and the journal's
// answer getting lost still does not double it.
func (s *source) arrival(event cloudevents.Event, raw []byte) events.Arrival {
	return events.Arrival{Source: s.name, Event: event, Raw: raw, DedupeID: event.ID()}
}

// batched reports whether the message is a batch of CloudEvents, which only HTTP has.
func (s *source) batched(m message) bool {
	media, _ := media(m.header.Get("Content-Type"))
	return media == events.MediaBatch && m.subject == "" && (s.reading == nil || s.takesEvents(media, m.header))
}

// several reports whether the answer is that to a batch: also where a preset's
// sender always sends an array.
func (s *source) several(m message) bool {
	return s.batched(m) || s.reading != nil && s.reading.Items && bytes.HasPrefix(bytes.TrimLeft(unmarked(m.body), " \t\r\n"), []byte("["))
}

// takesEvents reports whether a message to a source with a preset is a CloudEvent
// that is read as one.
func (s *source) takesEvents(media string, h http.Header) bool {
	switch s.reading.Events {
	case EventsOnly:
		return true
	case EventsToo:
		return strings.HasPrefix(media, "application/cloudevents") || hasAttributes(h)
	}
	return false
}

func (s *source) batch(body []byte) ([]events.Arrival, error) {
	all, raws, err := readBatch(body)
	if errors.Is(err, errTooLarge) {
		return nil, refuse(TooLarge, err)
	}
	if err != nil {
		return nil, refuse(Malformed, err)
	}
	arrivals := make([]events.Arrival, len(all))
	for i, event := range all {
		arrivals[i] = s.arrival(event, raws[i])
	}
	return arrivals, nil
}

// looksStructured reports whether a NATS message without a content type is a
// CloudEvent in the JSON event format, as the NATS binding 1.0 sends it.
func looksStructured(body []byte) bool {
	var event struct{ SpecVersion, ID, Type, Source string }
	return json.Unmarshal(body, &event) == nil && event.SpecVersion != "" && event.ID != "" && event.Type != "" && event.Source != ""
}

// understand makes events of a body that the source's preset knows.
func (s *source) understand(m message) (_ []events.Arrival, err error) {
	if s.reading.Qlik {
		if m.body, err = modern(m.body); err != nil {
			return nil, refuse(Malformed, err)
		}
	}
	body, err := readBody(m.body)
	if s.reading.AnyBody && (err != nil || body.Raw()[0] == '"') {
		if m.body, err = s.reading.object(m.header.Get("Content-Type"), m.body, body); err != nil {
			return nil, err
		}
		body, err = readBody(m.body)
	}
	switch {
	case err == nil:
	case !s.reading.AnyBody, attempted(m.body):
		return nil, refuse(Malformed, err)
	default:
		return one(s.readAs(m, body))
	}
	if kind := body.Raw()[0]; kind == '[' && s.reading.Items {
		return s.items(m, body)
	} else if kind != '{' && !s.reading.AnyBody {
		return nil, refusef(Malformed, "the body is not a JSON object, as this source's preset %s expects", s.preset)
	}
	return one(s.readAs(m, body))
}

// items makes an event of each item of a body, all or none.
func (s *source) items(m message, body *rules.Tree) ([]events.Arrival, error) {
	items := body.Items()
	if len(items) > maxBatch {
		return nil, refusef(TooLarge, "the body has %d events, more than %d: %w", len(items), maxBatch, errTooLarge)
	}
	arrivals := make([]events.Arrival, 0, len(items))
	for i, item := range items {
		single := m
		single.body = item
		if item[0] != '{' {
			return nil, refusef(Malformed, "nothing was stored: event %d is not a JSON object", i)
		}
		arrival, err := s.readAs(single, body.At(strconv.Itoa(i)))
		if err != nil {
			return nil, refusef(Malformed, "nothing was stored: event %d: %w", i, err)
		}
		arrivals = append(arrivals, arrival)
	}
	return arrivals, nil
}

// readAs makes an event of one body as the preset says.
func (s *source) readAs(m message, body *rules.Tree) (events.Arrival, error) {
	facts := s.reading.facts(m.header, body)
	if s.reading.CloudEvent {
		event, err := events.DecodeStructured(m.body)
		a := s.arrival(event, m.body)
		a.Facts = facts
		return a, err
	}
	event := s.blank(m)
	media := "application/json"
	var err error
	if s.reading.AnyBody {
		if media, err = mediaType(m.header.Get("Content-Type"), m.body, body != nil); err != nil {
			return events.Arrival{}, err
		}
	}
	event.SetDataContentType(media)
	err = setAll(&event, map[string]string{
		"id":      s.reading.first("id", m.header, body),
		"type":    s.reading.first("type", m.header, body),
		"source":  s.reading.first("source", m.header, body),
		"subject": fit(s.reading.first("subject", m.header, body)),
	})
	event.SetTime(s.reading.moment(m.header, body, m.arrived))
	a := s.arrival(event, nil)
	a.Facts, a.Body = facts, body
	return a, errors.Join(err, events.Validate(event))
}

// plain makes an event of a body of which nothing is known.
func (s *source) plain(m message) (events.Arrival, error) {
	event := s.blank(m)
	id, ok := single(m.header, "Webhook-Id")
	if !ok {
		id, _ = single(m.header, "Idempotency-Key")
	}
	body, wrong := readBody(m.body)
	media, err := mediaType(m.header.Get("Content-Type"), m.body, wrong == nil)
	if err != nil {
		return events.Arrival{}, err
	}
	event.SetDataContentType(media)
	err = setAll(&event, map[string]string{"id": id, "subject": m.subject})
	a := s.arrival(event, nil)
	a.Body = body
	return a, errors.Join(err, events.Validate(event))
}

// mediaType returns what a body is: what was declared, unless it is JSON under
// another name, as SNS and curl send it. Declared JSON that is none is an error.
func mediaType(declared string, body []byte, valid bool) (string, error) {
	saysJSON := isJSON(declared)
	switch {
	case valid && !saysJSON:
		return "application/json", nil
	case !valid && saysJSON && len(body) > 0:
		_, err := readBody(body)
		return "", err
	}
	if _, err := media(declared); err != nil {
		return "application/octet-stream", nil
	}
	return declared, nil
}

// blank returns the event that a message is when nothing in it says more.
func (s *source) blank(m message) cloudevents.Event {
	event := cloudevents.New(cloudevents.CloudEventsVersionV1)
	event.SetID(cmp.Or(m.id, rand.Text()))
	event.SetSource("/sources/" + s.name)
	event.SetType(TypeWebhook)
	if m.subject != "" {
		event.SetType(TypeMessage)
	}
	event.SetTime(m.arrived.UTC())
	event.DataEncoded = m.body
	traced(&event, m.header)
	return event
}

// traced gives an event that says nothing of a trace the one of its request, as
// the header of W3C Trace Context has it.
func traced(event *cloudevents.Event, header http.Header) {
	parent, ok := single(header, "Traceparent")
	if _, own := event.Extensions()["traceparent"]; ok && !own && events.ValidTrace(parent) {
		event.SetExtension("traceparent", parent)
	}
}

// setAll sets the attributes that have a value.
func setAll(event *cloudevents.Event, attributes map[string]string) error {
	for name, value := range attributes {
		if value == "" {
			continue
		}
		if err := events.SetAttribute(event, name, value); err != nil {
			return err
		}
	}
	return nil
}

// controlHeader reports whether a NATS header steers a server; none of them
// reaches an event.
func controlHeader(name string) bool {
	return slices.ContainsFunc([]string{"nats-", "kv-"}, func(prefix string) bool {
		return strings.HasPrefix(strings.ToLower(name), prefix)
	})
}
