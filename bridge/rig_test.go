package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A rig is a dispatcher between a real embedded broker and a simulated tenant.
type rig struct {
	t         *testing.T
	broker    *broker.Broker
	tenant    *sim.Tenant
	client    *qlik.Client
	journal   *events.Journal
	ledger    *bridge.Ledger
	set       *rules.Set
	revisions *bridge.Revisions
	revision  uint64
	limits    bridge.Limits
	breaker   qlik.BreakerConfig
	outcomes  chan event.Event
	seen      []event.Event
	sent      int

	dispatcher *bridge.Dispatcher // that was started last
}

func newRig(t *testing.T, cfg sim.Config, definitions string) *rig {
	t.Helper()
	if cfg.ReloadTime == 0 {
		cfg.ReloadTime = 200 * time.Millisecond
	}
	return newRigOn(t, sim.New(cfg), definitions)
}

// newRigOn makes a rig on a tenant that may have other users.
func newRigOn(t *testing.T, tenant *sim.Tenant, definitions string) *rig {
	t.Helper()
	r := &rig{t: t, tenant: tenant, outcomes: make(chan event.Event, 4096)}
	var err error
	r.broker, err = broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	r.must(err)
	t.Cleanup(func() { r.must(r.broker.Close(context.Background())) })
	r.client, err = qlik.New(qlik.Config{
		URL: "https://acme.example", Dialect: r.tenant.Dialect(), APIKey: r.tenant.APIKey(), Transport: r.tenant.Transport(),
	})
	r.must(err)
	names := r.broker.Names()
	js := r.broker.JetStream()
	r.journal = events.NewJournal(js, events.JournalConfig{
		In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject,
	})
	r.ledger, err = bridge.OpenLedger(t.Context(), js, names.Ledger)
	r.must(err)
	r.revisions = bridge.NewRevisions(r.ledger)
	r.limits = bridge.DefaultLimits()
	r.limits.Poll, r.limits.Grace, r.limits.Lag = 20*time.Millisecond, 100*time.Millisecond, 0
	r.compile(definitions)
	r.listen(names)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// compile puts rules in force; $App names in them stand for the sample apps' ids.
func (r *rig) compile(definitions string) {
	r.t.Helper()
	for _, app := range []string{"Sales", "Finance", "Inventory"} {
		definitions = strings.ReplaceAll(definitions, "$"+app, r.tenant.App(app))
	}
	for _, space := range []string{"Company", "Workshop", "Attic"} {
		definitions = strings.ReplaceAll(definitions, "$"+space, r.tenant.Space(space))
	}
	var defs []rules.Definition
	r.must(json.Unmarshal([]byte(definitions), &defs))
	names := rules.Names{Tenants: []string{"acme"}, Sources: []string{"etl"}}
	set, problems := rules.Compile(defs, names)
	if set == nil {
		r.t.Fatalf("compile rules: %v", problems)
	}
	document, err := json.Marshal(rules.Record{Names: names, Rules: defs})
	r.must(err)
	used, err := r.revisions.Use(r.t.Context(), document, set)
	r.must(err)
	r.set, r.revision = set, used.Number
}

// listen collects outcomes as a subscriber would.
func (r *rig) listen(names broker.Names) {
	consumer, err := r.broker.JetStream().OrderedConsumer(r.t.Context(), names.Out, jetstream.OrderedConsumerConfig{})
	r.must(err)
	_, err = consumer.Consume(func(msg jetstream.Msg) {
		var outcome event.Event
		if err := json.Unmarshal(msg.Data(), &outcome); err != nil {
			r.t.Errorf("outcome is no CloudEvent: %v", err)
		}
		r.outcomes <- outcome
	})
	r.must(err)
}

// dispatch runs a dispatcher until the test ends or stop is called.
func (r *rig) dispatch() (stop func()) {
	r.t.Helper()
	names := r.broker.Names()
	js := r.broker.JetStream()
	leases, err := bridge.OpenLeases(r.t.Context(), js, names.Leases, r.t.Name(), 3*time.Second)
	r.must(err)
	metrics, err := bridge.NewMetrics(prometheus.NewRegistry())
	r.must(err)
	d := bridge.NewDispatcher(bridge.Config{
		Tenant: "acme", URL: "https://acme.example", Client: r.client, Breaker: r.breaker, Journal: r.journal, Skip: r.broker.Skip,
		Publisher: events.NewPublisher(js, events.PublisherConfig{Subject: names.OutSubject}),
		Dead:      events.NewDeadLetters(js, names.Dead, names.DeadSubject),
		Ledger:    r.ledger, Leases: leases, Desk: r.desk(), Revisions: r.revisions,
		Limits: r.limits, Metrics: metrics, Log: zerolog.New(zerolog.NewTestWriter(r.t)).Level(zerolog.WarnLevel),
	})
	r.dispatcher = d
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-done; err != nil {
				r.t.Errorf("dispatcher: %v", err)
			}
		}
	}
	r.t.Cleanup(stop)
	return stop
}

// desk is where the test gives orders.
func (r *rig) desk() *bridge.Desk { return bridge.NewDesk(r.broker.Conn(), "gateway.orders") }

// send puts an event on the journal as ingress does.
func (r *rig) send(data string) {
	r.t.Helper()
	r.sent++
	e := event.New()
	e.SetID(fmt.Sprint("event-", r.sent))
	e.SetSource("/etl")
	e.SetType("com.example.done")
	r.must(e.SetData("application/json", json.RawMessage(data)))
	arrival := events.Arrival{Source: "etl", Event: e, DedupeID: e.ID()}
	view := rules.Event{
		ID: e.ID(), Type: e.Type(), GatewaySource: "etl", Data: rules.DecodeData("application/json", []byte(data)),
	}
	var names []string
	for _, match := range r.set.Route(view).Matches {
		names = append(names, match.Rule)
	}
	if len(names) == 0 {
		r.t.Fatalf("no rule matches %s", data)
	}
	_, err := r.journal.Append(r.t.Context(), arrival, []events.Target{{Tenant: "acme", Rules: names}}, r.revision)
	r.must(err)
}

// until waits for an outcome of a type and returns it.
func (r *rig) until(kind string) event.Event {
	r.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case outcome := <-r.outcomes:
			r.seen = append(r.seen, outcome)
			if strings.HasSuffix(outcome.Type(), "."+kind) {
				return outcome
			}
		case <-timeout:
			r.t.Fatalf("no %s; seen: %v", kind, r.types())
		}
	}
}

// types returns the types of the outcomes seen so far, without their prefix.
func (r *rig) types() []string {
	var types []string
	for _, outcome := range r.seen {
		types = append(types, strings.TrimPrefix(outcome.Type(), events.TypePrefix))
	}
	return types
}

// called counts the tenant's calls of an operation with a status.
func (r *rig) called(operation string, status int) int {
	n := 0
	for _, call := range r.tenant.Calls() {
		if call.OperationID == operation && call.Status == status {
			n++
		}
	}
	return n
}

func (r *rig) wantTypes(want ...string) {
	r.t.Helper()
	if got := r.types(); !slices.Equal(got, want) {
		r.t.Errorf("outcomes:\n got %v\nwant %v", got, want)
	}
}
