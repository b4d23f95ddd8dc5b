package events

import (
	"encoding/json"
	"fmt"
	"strconv"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
)

// ReadOutcome reads an outcome as the broker keeps it, in structured or in binary mode,
// and gives it as one JSON object too, as who is told over HTTP gets it.
func ReadOutcome(header nats.Header, body []byte) (event cloudevents.Event, structured []byte, err error) {
	if header.Get(attributePrefix+"specversion") == "" {
		event, err = DecodeStructured(body)
		return event, body, err
	}
	entry := Entry{Header: header, Body: body}
	if err := entry.readEvent(); err != nil {
		return entry.Event, nil, err
	}
	if hops, err := strconv.Atoi(extension(entry.Event, extensionHops)); err == nil {
		entry.Event.SetExtension(extensionHops, hops) // as in structured mode, a number
	}
	structured, err = json.Marshal(entry.Event)
	return entry.Event, structured, err
}

// message returns the outcome as a CloudEvent in the publisher's mode. In both, the
// attributes are the same.
func (p *Publisher) message(outcome Outcome) (*nats.Msg, error) {
	event, err := outcome.CloudEvent(p.cfg.Source)
	if err != nil {
		return nil, err
	}
	msg := nats.NewMsg(p.cfg.Subject + "." + outcome.subject())
	if p.cfg.Binary {
		msg.Data = event.Data()
		return msg, Arrival{Event: event}.binary(msg.Header.Set)
	}
	msg.Header.Set(headerContentType, MediaEvent)
	if msg.Data, err = json.Marshal(event); err != nil {
		return nil, fmt.Errorf("encode outcome %s: %w", outcome.ID, err)
	}
	return msg, nil
}
