package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// open opens a broker of the test's own.
func open(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	b, err := broker.Open(t.Context(), cfg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, b) })
	return b
}

func shut(t *testing.T, b *broker.Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
}

func journalOn(b *broker.Broker) *events.Journal {
	names := b.Names()
	return events.NewJournal(b.JetStream(), events.JournalConfig{
		In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject,
	})
}

// arrival returns an event in binary mode with the id.
func arrival(id string) events.Arrival {
	event := cloudevents.New("1.0")
	event.SetID(id)
	event.SetSource("/dbt/1")
	event.SetType("dbt.job.completed")
	event.SetDataContentType("application/json")
	event.DataEncoded = []byte(`{"n": 1}`)
	return events.Arrival{Source: "dbt", Event: event, DedupeID: id}
}

func target(tenant string, names ...string) events.Target {
	return events.Target{Tenant: tenant, Rules: names}
}

func appendTo(t *testing.T, j *events.Journal, a events.Arrival, targets ...events.Target) events.Receipt {
	t.Helper()
	receipt, err := j.Append(t.Context(), a, targets, 3)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func stored(t *testing.T, b *broker.Broker, stream string) uint64 {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func TestEventComesBackAsItCame(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	binary := arrival("a % \"b\" é\u2028")
	binary.Event.SetSubject("jobs/7")
	binary.Event.SetTime(time.Date(2026, 11, 23, 16, 0, 0, 123456789, time.UTC))
	binary.Event.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	binary.Facts = rules.Facts{Outcome: "succeeded", Job: "Täglich\n100%", RunID: "9"}
	binary.ReplayID = "again 1"

	raw := []byte(`{"specversion":"1.0.2", "id":"s1","source":"/q","type":"t", "extensions":{"x":1}, "data" : {"big": 9007199254740993} }`)
	event, err := events.DecodeStructured(raw)
	if err != nil {
		t.Fatal(err)
	}
	structured := events.Arrival{Source: "qlik", Event: event, Raw: raw, DedupeID: "s1"}

	// A binary event whose data is a CloudEvent must not be taken for a structured one.
	nested := arrival("nested")
	nested.Event.SetDataContentType(events.MediaEvent)
	nested.Event.DataEncoded = raw

	for i, sent := range []events.Arrival{binary, structured, nested} {
		appendTo(t, j, sent, target("acme", "refresh", "then"))
		got, err := j.Entry(t.Context(), uint64(i+1))
		if err != nil || got.Err != nil {
			t.Fatalf("entry %d: %v, %v", i+1, err, got.Err)
		}
		if fmt.Sprintf("%+v", got.View()) != fmt.Sprintf("%+v", sent.View()) {
			t.Errorf("entry %d is seen as\n%+v, want\n%+v", i+1, got.View(), sent.View())
		}
		if got.Tenant != "acme" || strings.Join(got.Rules, " ") != "refresh then" || got.Revision != 3 || got.ReplayID != sent.ReplayID || got.Time.IsZero() {
			t.Errorf("entry %d is %+v", i+1, got)
		}
		if want := sent.Raw; want != nil && !bytes.Equal(got.Body, want) || want == nil && !bytes.Equal(got.Body, sent.Event.Data()) {
			t.Errorf("entry %d was stored as %s", i+1, got.Body)
		}
	}
}

func TestSecondDeliveryIsADuplicate(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	if appendTo(t, j, arrival("1"), target("acme", "r")).Duplicate {
		t.Error("the first delivery is a duplicate")
	}
	if !appendTo(t, j, arrival("1"), target("acme", "r")).Duplicate {
		t.Error("the second delivery is none")
	}
	other, replay, anonymous := arrival("1"), arrival("1"), arrival("1")
	other.Event.SetSource("/dbt/2")
	replay.ReplayID = "r1"
	anonymous.DedupeID = ""
	for name, a := range map[string]events.Arrival{"another source": other, "a replay": replay, "no id": anonymous} {
		if appendTo(t, j, a, target("acme", "r")).Duplicate {
			t.Errorf("%s is a duplicate", name)
		}
	}
	if appendTo(t, j, anonymous, target("acme", "r")).Duplicate {
		t.Error("a second delivery without an id is a duplicate")
	}
	if n := stored(t, b, "GATEWAY_IN"); n != 5 {
		t.Errorf("%d events were stored, want 5", n)
	}
}

func TestSeveralTenantsGetTheEventTogether(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	appendTo(t, j, arrival("1"), target("acme", "r"))
	// One of three is known: the batch falls back to single messages.
	if appendTo(t, j, arrival("1"), target("acme", "r"), target("beta", "s"), target("gamma", "t")).Duplicate {
		t.Error("two new tenants, yet all is duplicate")
	}
	if !appendTo(t, j, arrival("1"), target("acme", "r"), target("beta", "s")).Duplicate {
		t.Error("both tenants have it, yet it is no duplicate")
	}
	if appendTo(t, j, arrival("2"), target("acme", "r"), target("beta", "s")).Duplicate {
		t.Error("a new event is a duplicate")
	}
	if n := stored(t, b, "GATEWAY_IN"); n != 5 {
		t.Errorf("%d messages, want 5", n)
	}
	for tenant, want := range map[string]uint64{"acme": 4, "beta": 5, "gamma": 3, "nobody": 0} {
		if last, err := j.Last(t.Context(), tenant); err != nil || last != want {
			t.Errorf("last of %s is %d, %v; want %d", tenant, last, err, want)
		}
	}
}

func TestMoreTenantsThanABatchTakesAllGetTheEvent(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	var targets []events.Target
	for i := range 1001 {
		targets = append(targets, target(fmt.Sprint("t", i), "r"))
	}
	appendTo(t, journalOn(b), arrival("1"), targets...)
	if n := stored(t, b, "GATEWAY_IN"); n != 1001 {
		t.Errorf("%d messages, want 1001", n)
	}
}

func TestUnmatchedEventIsKept(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	if appendTo(t, j, arrival("1")).Duplicate || !appendTo(t, j, arrival("1")).Duplicate {
		t.Error("an unmatched event is stored once")
	}
	// The rule was mended: the same event now runs.
	if appendTo(t, j, arrival("1"), target("acme", "r")).Duplicate {
		t.Error("an unmatched event can never match")
	}
	if a, b := stored(t, b, "GATEWAY_UNMATCHED"), stored(t, b, "GATEWAY_IN"); a != 1 || b != 1 {
		t.Errorf("%d unmatched and %d matched, want 1 and 1", a, b)
	}
}

func TestFullJournalRefuses(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{JournalBytes: 64 << 10})
	j := journalOn(b)
	big := arrival("")
	big.Event.DataEncoded = bytes.Repeat([]byte("x"), 20<<10)
	var err error
	for range 10 {
		if _, err = j.Append(t.Context(), big, []events.Target{target("acme", "r")}, 1); err != nil {
			break
		}
	}
	if !errors.Is(err, events.ErrFull) {
		t.Errorf("one tenant: %v", err)
	}
	if _, err := j.Append(t.Context(), big, []events.Target{target("acme", "r"), target("beta", "r")}, 1); !errors.Is(err, events.ErrFull) {
		t.Errorf("two tenants: %v", err)
	}
}

func TestTooLargeEventIsRefused(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	body, header := arrival("1"), arrival("2")
	body.Event.DataEncoded = make([]byte, 2<<20)
	header.Facts.Job = strings.Repeat("j", 70<<10)
	for name, a := range map[string]events.Arrival{"body": body, "header": header} {
		for _, targets := range [][]events.Target{{target("acme", "r")}, {target("acme", "r"), target("beta", "r")}} {
			if _, err := j.Append(t.Context(), a, targets, 1); !errors.Is(err, events.ErrTooLarge) {
				t.Errorf("%s for %d tenants: %v", name, len(targets), err)
			}
		}
	}
}

func TestBrokerThatIsGoneIsUnavailable(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j := journalOn(b)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Append(canceled, arrival("1"), []events.Target{target("acme", "r")}, 1); !errors.Is(err, events.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	shut(t, b)
	for _, targets := range [][]events.Target{nil, {target("acme", "r")}, {target("acme", "r"), target("beta", "r")}} {
		if _, err := j.Append(t.Context(), arrival("1"), targets, 1); !errors.Is(err, events.ErrUnavailable) {
			t.Errorf("closed, %d targets: %v", len(targets), err)
		}
	}
	if _, err := j.Last(t.Context(), "acme"); !errors.Is(err, events.ErrUnavailable) {
		t.Errorf("last: %v", err)
	}
}

func TestPurgedEventIsSaid(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	if _, err := j.Entry(t.Context(), 7); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("error: %v", err)
	}
	if created, err := j.Created(t.Context()); err != nil || created.IsZero() {
		t.Errorf("created %v, %v", created, err)
	}
}
