package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// A chained is a broker with a chain, and the rules that it hears for.
type chained struct {
	t       *testing.T
	js      jetstream.JetStream
	journal *events.Journal
	chain   *events.Chain
	told    *events.Publisher
	runs    int
}

func newChained(t *testing.T) *chained {
	t.Helper()
	opened := open(t, broker.Config{})
	names := opened.Names()
	c := &chained{t: t, js: opened.JetStream()}
	c.journal = events.NewJournal(c.js, events.JournalConfig{
		In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject,
	})
	c.told = events.NewPublisher(c.js, events.PublisherConfig{Subject: names.OutSubject})
	var definitions []rules.Definition
	c.must(json.Unmarshal([]byte(`[{"name": "then", "tenant": "acme", "on": "gateway", "when": "outcome == 'succeeded' && rule == 'first'",
		"app": "2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90", "do": ["reload"]}]`), &definitions))
	set, problems := rules.Compile(definitions, rules.Names{Tenants: []string{"acme"}})
	if set == nil {
		t.Fatal(problems)
	}
	outcomes, err := events.OpenSubscriptions(t.Context(), c.js, names.Ledger, names.Out)
	c.must(err)
	c.tell("first", 0) // before there was a chain: no rule hears it
	c.chain, err = events.OpenChain(t.Context(), events.ChainConfig{
		Outcomes: outcomes, Journal: c.journal, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
		Rules: func() (*rules.Set, uint64) { return set, 7 },
		Hold: func(ctx context.Context, _ string, work func(context.Context) error) error {
			return work(ctx)
		},
	})
	c.must(err)
	return c
}

func (c *chained) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// tell publishes the good end of a run of a rule.
func (c *chained) tell(rule string, hops int) string {
	c.t.Helper()
	c.runs++
	run := fmt.Sprint("run-", c.runs)
	outcome, err := events.NewOutcome(events.Head{
		ID: run + "/run.succeeded", Type: events.TypeRunSucceeded, Tenant: "acme", Rule: rule, Key: run, Time: time.Now(), CorrelationID: run, Hops: hops,
	}, events.RunData{State: "succeeded"})
	c.must(err)
	c.must(c.told.Publish(c.t.Context(), outcome))
	return outcome.ID
}

// hear runs the chain until the journal holds so many events, and then until it has
// stopped.
func (c *chained) hear(events int) []string {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.chain.Run(ctx) }()
	deadline := time.After(20 * time.Second)
	for len(c.heard()) < events {
		select {
		case <-deadline:
			c.t.Fatalf("the journal holds %v, want %d events", c.heard(), events)
		default:
		}
	}
	stop()
	c.must(<-ended)
	return c.heard()
}

// heard returns the ids of the events on the journal.
func (c *chained) heard() []string {
	c.t.Helper()
	var ids []string
	for entry, err := range c.journal.After(c.t.Context(), "acme", 0) {
		c.must(err)
		c.must(entry.Err)
		if entry.Source != rules.OwnSource || entry.Revision != 7 || len(entry.Rules) != 1 || entry.Rules[0] != "then" {
			c.t.Errorf("the journal holds %+v", entry)
		}
		ids = append(ids, fmt.Sprintf("%s after %d", entry.Event.ID(), entry.Hops()))
	}
	return ids
}

func TestOutcomeThatARuleWantsIsOnTheJournalOnce(t *testing.T) {
	t.Parallel()
	c := newChained(t)
	first := c.tell("first", 0) // the gateway is killed before any rule hears it
	c.tell("other", 0)
	if got := c.hear(1); fmt.Sprint(got) != fmt.Sprintf("[%s after 1]", first) {
		t.Errorf("heard %v", got)
	}
	second := c.tell("first", 4)
	if got := c.hear(2); len(got) != 2 || got[1] != second+" after 5" {
		t.Errorf("heard %v", got)
	}
}

// TestChainThatForgotHowFarItCameDoublesNothing is the crash between an event's way
// to the journal and the note of it.
func TestChainThatForgotHowFarItCameDoublesNothing(t *testing.T) {
	t.Parallel()
	c := newChained(t)
	ledger, err := c.js.KeyValue(t.Context(), "GATEWAY_LEDGER")
	c.must(err)
	begun, err := ledger.Get(t.Context(), "chain")
	c.must(err)
	c.tell("first", 0)
	c.hear(1)
	_, err = ledger.Put(t.Context(), "chain", begun.Value())
	c.must(err)
	c.tell("first", 0)
	if got := c.hear(2); len(got) != 2 {
		t.Errorf("heard %v", got)
	}
}

// TestEveryOutcomeOfARunIsSeenByTheCheckForLoops compares the types that rules expect
// of a run with the catalog.
func TestEveryOutcomeOfARunIsSeenByTheCheckForLoops(t *testing.T) {
	t.Parallel()
	var actions []rules.Action
	for _, signature := range rules.Signatures() {
		actions = append(actions, signature.Action)
	}
	expected := map[string]bool{}
	for _, kind := range rules.OutcomeTypes(actions...) {
		expected[kind] = true
	}
	about := map[string]bool{"run": true}
	for _, action := range actions {
		about[string(action)] = true
	}
	for _, kind := range events.Catalog() {
		if about[kind.Noun()] != expected[kind.Type] {
			t.Errorf("%s is an outcome of a run: %t; the check for loops thinks so: %t", kind.Type, about[kind.Noun()], expected[kind.Type])
		}
	}
}
