package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// letters are the rig's dead letters.
func (r *rig) letters() *events.DeadLetters {
	return events.NewDeadLetters(r.broker.JetStream(), r.broker.Names().Dead, r.broker.Names().DeadSubject)
}

// replayer replays by the rules that the rig has in force.
func (r *rig) replayer() bridge.Replayer {
	return bridge.Replayer{Journal: r.journal, Dead: r.letters(), Ledger: r.ledger, Revisions: r.revisions}
}

// store puts an event on the journal for rules of acme; without rules among the
// unmatched.
func (r *rig) store(id, kind, data string, rules ...string) {
	r.t.Helper()
	e := event.New()
	e.SetID(id)
	e.SetSource("/etl")
	e.SetType(kind)
	r.must(e.SetData("application/json", json.RawMessage(data)))
	var targets []events.Target
	if len(rules) > 0 {
		targets = []events.Target{{Tenant: "acme", Rules: rules}}
	}
	_, err := r.journal.Append(r.t.Context(), events.Arrival{Source: "etl", Event: e, DedupeID: id}, targets, r.revision)
	r.must(err)
}

// letter waits for the dead letter of a sequence.
func (r *rig) letter(sequence uint64) events.DeadLetter {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	for {
		letter, err := r.letters().Get(ctx, sequence)
		if err == nil {
			return letter
		}
		if !errors.Is(err, events.ErrNoDeadLetter) {
			r.t.Fatal(err)
		}
	}
}

// replay runs a query and returns what it told, as `<id>:<result>`.
func (r *rig) replay(q bridge.ReplayQuery) ([]string, bridge.ReplaySummary) {
	r.t.Helper()
	var told []string
	q.Rate = 1000
	summary, err := r.replayer().Replay(r.t.Context(), q, func(one bridge.Replayed) error {
		told = append(told, one.ID+":"+one.Result)
		return nil
	})
	r.must(err)
	return told, summary
}

const eachApp = `[{"name": "each", "on": "etl", "do": [{"reload": {"app": "${data.app}"}}]},
	{"name": "other", "on": "etl", "app": "$Finance", "do": ["reload"]}]`

func TestDeadLetterIsReplayedOnceForItsRuleWhenTheRuleIsMended(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, eachApp)
	r.dispatch()
	r.send(`{"day": 7}`)
	r.until("run.succeeded") // of the other rule
	letter := r.letter(1)
	if letter.Rule != "each" || letter.Reason != events.ReasonBadArgument || letter.Hop != "dispatcher" || letter.Hint == "" || letter.Entry.Event.ID() != "event-1" {
		t.Errorf("letter %+v", letter)
	}
	if _, err := r.replayer().Letter(t.Context(), 1); !errors.Is(err, bridge.ErrRefused) || !strings.Contains(err.Error(), "data.app") {
		t.Errorf("replay before the rule is mended: %v, want a refusal that says what is wrong", err)
	}
	r.compile(strings.Replace(eachApp, "${data.app}", "$Sales", 1))
	for _, want := range []string{bridge.ReplayDone, bridge.ReplayDuplicate} {
		told, err := r.replayer().Letter(t.Context(), 1)
		r.must(err)
		if told.Result != want || told.ID != "event-1" || told.As != "event-1/replay/dead-1" || !slices.Equal(told.Rules, []string{"each"}) {
			t.Errorf("told %+v, want %s", told, want)
		}
	}
	outcome := r.until("run.succeeded")
	if outcome.Extensions()["rule"] != "each" || outcome.Extensions()["causationid"] != "event-1/replay/dead-1" {
		t.Errorf("outcome of %v", outcome.Extensions())
	}
	entry, err := r.journal.Entry(t.Context(), 2)
	r.must(err)
	if entry.Event.Extensions()["replayof"] != "event-1" || string(entry.Body) != string(letter.Entry.Body) || entry.ReplayID != "dead-1" {
		t.Errorf("replayed as %s with %s", entry.Event, entry.Body)
	}
	if n := r.called("reloadApp", 201); n != 2 {
		t.Errorf("%d reloads, want one of each rule", n)
	}
}

func TestReplayOfAStructuredEventKeepsItsData(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	raw := []byte(`{"specversion":"1.0","id":"s-1","source":"/etl","type":"done","time":"2026-01-02T03:04:05Z","traceparent":"00-1","data":{"n": 12345678901234567890}}`)
	e, err := events.DecodeStructured(raw)
	r.must(err)
	_, err = r.journal.Append(t.Context(), events.Arrival{Source: "etl", Event: e, Raw: raw, DedupeID: "s-1"}, nil, r.revision)
	r.must(err)
	if told, _ := r.replay(bridge.ReplayQuery{From: time.Now().Add(-time.Hour)}); !slices.Equal(told, []string{"s-1:replayed"}) {
		t.Fatalf("told %v", told)
	}
	entry, err := r.journal.Entry(t.Context(), 1)
	r.must(err)
	if entry.Raw != nil || string(entry.Event.Data()) != `{"n": 12345678901234567890}` || entry.Event.Extensions()["traceparent"] != "00-1" || !entry.Event.Time().Equal(e.Time()) {
		t.Errorf("replayed as %s", entry.Event)
	}
}

func TestReplayOfASpanBringsWhatTheRulesInForceMatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	from := time.Now().Add(-time.Hour)
	r.store("a", "loaded", `{}`, "refresh-sales")
	r.store("b", "loaded", `{}`)
	r.store("c", "other", `{}`)
	r.store("d", "loaded", `{"skip": true}`)
	r.compile(`[{"name": "all", "on": "etl", "when": "!has(data.skip)", "app": "$Sales", "gather": "none", "do": ["reload"]},
		{"name": "late", "on": "etl", "when": "type == 'other'", "app": "$Sales", "do": [{"reload": {"app": "${data.app}"}}]}]`)
	for _, test := range []struct {
		query    bridge.ReplayQuery
		want     string
		seen, ok int
	}{
		{bridge.ReplayQuery{From: from, DryRun: true}, "[a:would_replay b:would_replay c:would_replay]", 4, 3},
		{bridge.ReplayQuery{From: from, Rule: "late", DryRun: true}, "[c:no_plan]", 4, 0},
		{bridge.ReplayQuery{From: from, Source: "crm", DryRun: true}, "[]", 0, 0},
		{bridge.ReplayQuery{From: from, To: from.Add(time.Minute)}, "[]", 0, 0},
		{bridge.ReplayQuery{ID: "first", From: from, Type: "loaded"}, "[a:replayed b:replayed]", 3, 2},
		{bridge.ReplayQuery{ID: "first", From: from}, "[a:duplicate b:duplicate c:replayed]", 4, 1}, // goes on where it broke off
		{bridge.ReplayQuery{ID: "second", From: from}, "[a:replayed b:replayed c:replayed]", 4, 3},  // never replays of replays
	} {
		told, summary := r.replay(test.query)
		if fmt.Sprint(told) != test.want || summary.Seen != test.seen || summary.Replayed != test.ok {
			t.Errorf("%+v:\n told %v %+v\n want %s", test.query, told, summary, test.want)
		}
	}
	last, err := r.journal.Last(t.Context(), "acme")
	r.must(err)
	if last != 1+6 {
		t.Errorf("the journal ends at %d, want the original and six replays", last)
	}
	if _, err := r.replayer().Replay(t.Context(), bridge.ReplayQuery{From: from, Rule: "refresh-sales"}, nil); !errors.Is(err, bridge.ErrRefused) {
		t.Errorf("replay for a rule that is gone: %v, want a refusal", err)
	}
}

func TestReplayIsPacedAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	for i := range 5 {
		r.store(fmt.Sprint(i), "loaded", `{}`)
	}
	query := bridge.ReplayQuery{From: time.Now().Add(-time.Hour), Rate: 20}
	began := time.Now()
	summary, err := r.replayer().Replay(t.Context(), query, func(bridge.Replayed) error { return nil })
	r.must(err)
	if took := time.Since(began); summary.Replayed != 5 || took < 200*time.Millisecond {
		t.Errorf("%d events in %s, want 5 at 20 a second", summary.Replayed, took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	query.Rate = 0.001
	summary, err = r.replayer().Replay(ctx, query, func(bridge.Replayed) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || summary.Replayed != 1 {
		t.Errorf("ended with %v after %d events, want the context's error after one", err, summary.Replayed)
	}
}

func TestFailedRunIsReplayedByItsCauses(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "refresh-sales", "on": "etl", "app": "$Sales", "gather": {"quiet": "100ms"}, "do": ["reload"]}]`)
	r.must(r.tenant.Inject(sim.Fault{FailReload: "EngineConnectionError", Count: 1}))
	r.send(`{}`)
	r.send(`{}`)
	r.dispatch()
	var failed, succeeded events.RunData
	r.must(json.Unmarshal(r.until("run.failed").Data(), &failed))
	told, summary := r.replay(bridge.ReplayQuery{Run: failed.Run})
	if !slices.Equal(told, []string{"event-1:replayed", "event-2:replayed"}) || summary.Replayed != 2 {
		t.Errorf("told %v", told)
	}
	r.must(json.Unmarshal(r.until("run.succeeded").Data(), &succeeded))
	_, err := r.replayer().Replay(t.Context(), bridge.ReplayQuery{Run: succeeded.Run}, nil)
	if !errors.Is(err, bridge.ErrRefused) {
		t.Errorf("replay of a run that succeeded: %v, want a refusal", err)
	}
	if _, err := r.replayer().Replay(t.Context(), bridge.ReplayQuery{Run: "none"}, nil); !errors.Is(err, bridge.ErrNoRun) {
		t.Errorf("replay of no run: %v, want ErrNoRun", err)
	}
}

func TestMessageThatNamesNoRuleIsADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, reloadSales)
	e := event.New()
	e.SetID("e")
	e.SetSource("/etl")
	e.SetType("done")
	_, err := r.journal.Append(t.Context(), events.Arrival{Source: "etl", Event: e}, []events.Target{{Tenant: "acme"}}, r.revision)
	r.must(err)
	_, err = r.broker.JetStream().Publish(t.Context(), "gateway.in.acme.etl", []byte("{"))
	r.must(err)
	r.dispatch()
	if first, second := r.letter(1), r.letter(2); first.Reason != events.ReasonUndecodable || second.Reason != events.ReasonUndecodable {
		t.Errorf("dead letters for %s and %s, want undecodable", first.Reason, second.Reason)
	}
	if _, err := r.replayer().Letter(t.Context(), 2); !errors.Is(err, bridge.ErrRefused) {
		t.Errorf("replay what cannot be read: %v, want a refusal", err)
	}
}

func TestRunOfARemovedRuleEndsByItsStoredPlan(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{ReloadTime: time.Second}, pipeline)
	stop := r.dispatch()
	r.send(`{"day": 7}`)
	r.until("reload.started")
	stop()
	r.compile(`[{"name": "other", "on": "etl", "app": "$Finance", "do": ["reload"]}]`)
	r.dispatch()
	r.until("run.succeeded")
	if n := r.called("publishApp", 200); n != 1 || r.called("reloadApp", 201) != 2 {
		t.Errorf("published %d times, want the removed rule's plan to its end", n)
	}
}
