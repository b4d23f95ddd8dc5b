package events_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

func publisherOn(b *broker.Broker) *events.Publisher {
	return events.NewPublisher(b.JetStream(), events.PublisherConfig{Subject: b.Names().OutSubject, Binary: b.Binary()})
}

func subscribe(t *testing.T, b *broker.Broker, subject string) *nats.Subscription {
	t.Helper()
	sub, err := b.Conn().SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func TestOutcomesAreToldInOrderAndOnce(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	p := publisherOn(b)
	sub := subscribe(t, b, "qlik.events.acme.>")
	kind := events.Catalog()[2] // reload.succeeded
	var outcomes []events.Outcome
	for i := range 50 {
		o := outcome(t, kind, sample(kind))
		o.ID = fmt.Sprintf("run/%d", i)
		outcomes = append(outcomes, o)
	}
	for _, part := range [][]events.Outcome{outcomes[:10], outcomes, outcomes[20:30], nil} {
		if err := p.Publish(t.Context(), part...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 50 {
		msg, err := sub.NextMsg(5 * time.Second)
		if err != nil {
			t.Fatalf("outcome %d: %v", i, err)
		}
		event, err := events.DecodeStructured(msg.Data)
		if err != nil || event.ID() != outcomes[i].ID {
			t.Fatalf("outcome %d is %s, %v", i, msg.Data, err)
		}
		if msg.Subject != "qlik.events.acme.reload.succeeded.2f1c" || msg.Header.Get("Content-Type") != "application/cloudevents+json" {
			t.Errorf("outcome %d on %s with %v", i, msg.Subject, msg.Header)
		}
	}
	if n := stored(t, b, "GATEWAY_OUT"); n != 50 {
		t.Errorf("%d outcomes stored, want 50", n)
	}
}

func TestSubjectsOfOutcomes(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	sub := subscribe(t, b, "qlik.events.>")
	for _, c := range []struct{ kind, tenant, key, want string }{
		{events.TypeReloadExceededLimit, "acme", "2f1c", "qlik.events.acme.reload.exceeded_limit.2f1c"},
		{events.TypeBreakerOpened, "acme", "", "qlik.events.acme.breaker.opened.-"},
		{events.TypeRunHeld, "acme", "r.1 *>", "qlik.events.acme.run.held.r=2E1=20=2A=3E"},
		{"com.example.sales.stale", "acme", "x", "qlik.events.acme.custom.com_example_sales_stale.-"},
	} {
		o := events.Outcome{Head: events.Head{ID: c.want, Type: c.kind, Tenant: c.tenant, Key: c.key, Time: time.Now()}, Data: []byte(`{}`)}
		if err := publisherOn(b).Publish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		msg, err := sub.NextMsg(5 * time.Second)
		if err != nil || msg.Subject != c.want {
			t.Errorf("%s: %v, %v; want %s", c.kind, msg, err, c.want)
		}
	}
}

func TestUntoldOutcomesAreErrors(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	p := publisherOn(b)
	kind := events.Catalog()[2]
	large := outcome(t, kind, sample(kind))
	large.Data = fmt.Appendf(nil, `"%02000000d"`, 1)
	if err := p.Publish(t.Context(), large); !errors.Is(err, events.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	nameless := outcome(t, kind, sample(kind))
	nameless.ID = ""
	if p.Publish(t.Context(), nameless) == nil {
		t.Error("an outcome without an id was told")
	}
	nowhere := events.NewPublisher(b.JetStream(), events.PublisherConfig{Subject: "nowhere"})
	if err := nowhere.Publish(t.Context(), outcome(t, kind, sample(kind)), outcome(t, kind, sample(kind))); !errors.Is(err, events.ErrUnavailable) {
		t.Errorf("no stream: %v", err)
	}
	shut(t, b)
	if err := p.Publish(t.Context(), outcome(t, kind, sample(kind))); !errors.Is(err, events.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
}
