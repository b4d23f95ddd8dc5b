package events_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

func TestBinaryOutcomesSayWhatStructuredOnesDo(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{Binary: true})
	if !b.Binary() {
		t.Error("the broker does not say so")
	}
	sub := subscribe(t, b, "qlik.events.>")
	var outcomes []events.Outcome
	for _, kind := range events.Catalog() {
		o := outcome(t, kind, sample(kind))
		o.Rule, o.Hops, o.CausationID = "täglich 100%", 3, `of "it"`
		outcomes = append(outcomes, o)
	}
	binary := events.NewPublisher(b.JetStream(), events.PublisherConfig{Subject: b.Names().OutSubject, Binary: true})
	if err := binary.Publish(t.Context(), outcomes...); err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		msg, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if msg.Header.Get("ce-id") != o.ID || msg.Header.Get("ce-type") != o.Type || msg.Header.Get("ce-specversion") != "1.0" ||
			msg.Header.Get("Content-Type") != "application/json" || msg.Header.Get("ce-rule") != "t%C3%A4glich%20100%25" || msg.Header.Get("Nats-Msg-Id") != o.ID {
			t.Errorf("%s goes out with %v", o.Type, msg.Header)
		}
		if string(msg.Data) != string(o.Data) {
			t.Errorf("%s goes out as %s", o.Type, msg.Data)
		}
		_, structured, err := events.ReadOutcome(msg.Header, msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		event, err := o.CloudEvent("/qlikgateway")
		if err != nil {
			t.Fatal(err)
		}
		whole, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if want, got := tree(t, whole), tree(t, structured); !reflect.DeepEqual(want, got) {
			t.Errorf("%s is read as\n%s, want\n%s", o.Type, structured, whole)
		}
	}
}

func TestWhoIsToldOverHTTPNoticesNoBinaryMode(t *testing.T) {
	t.Parallel()
	deliveries := map[bool]delivery{}
	for _, mode := range []bool{false, true} {
		s := newSite(t)
		s.Broker = open(t, broker.Config{Binary: mode})
		r := newReceiver(t, nil)
		sub := to("alerts", r)
		s.run(sub)
		ids := s.publish(0, 1, 1)
		r.until(t, "it is told", func() bool { return len(r.ids()) == 1 })
		deliveries[mode] = r.deliveries()[0]
		if r.ids()[0] != ids[0] {
			t.Errorf("told %v, want %v", r.ids(), ids)
		}
	}
	structured, binary := deliveries[false], deliveries[true]
	if want, got := tree(t, structured.body), tree(t, binary.body); !reflect.DeepEqual(want, got) || binary.header.Get("Content-Type") != events.MediaEvent {
		t.Errorf("told %s, want %s", binary.body, structured.body)
	}
}
