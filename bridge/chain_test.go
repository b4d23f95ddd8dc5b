package bridge_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// chain lets rules hear of outcomes until the test ends or stop is called.
func (r *rig) chain() (stop func()) {
	r.t.Helper()
	names := r.broker.Names()
	outcomes, err := events.OpenSubscriptions(r.t.Context(), r.broker.JetStream(), names.Ledger, names.Out)
	r.must(err)
	chain, err := events.OpenChain(r.t.Context(), events.ChainConfig{
		Outcomes: outcomes, Journal: r.journal, Log: zerolog.New(zerolog.NewTestWriter(r.t)).Level(zerolog.WarnLevel),
		Rules: func() (*rules.Set, uint64) { return r.revisions.Current().Rules, r.revisions.Current().Number },
		Hold:  func(ctx context.Context, _ string, work func(context.Context) error) error { return work(ctx) },
	})
	r.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- chain.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			r.must(<-done)
		}
	}
	r.t.Cleanup(stop)
	return stop
}

func TestEndOfARunBeginsAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "first", "on": "etl", "app": "$Sales", "do": ["reload"]},
		{"name": "then", "on": "gateway", "when": "type == 'io.qlikgateway.v1.run.succeeded' && rule == 'first' && tenant == 'acme'",
		 "app": "$Finance", "do": [{"copy": {"name": "after ${rule} of ${data.causes.first[0]}"}}]}]`)
	stop := r.chain()
	r.dispatch()
	stop() // the gateway is killed before it hears the end of the first run
	r.send(`{}`)
	r.until("run.succeeded")
	r.chain()
	outcome := r.until("copy.succeeded")
	var data struct{ Copy struct{ Name string } }
	r.must(json.Unmarshal(outcome.Data(), &data))
	if data.Copy.Name != "after first of event-1" || outcome.Extensions()["hops"] != int32(1) || outcome.Extensions()["rule"] != "then" {
		t.Errorf("made %q: %v", data.Copy.Name, outcome.Extensions())
	}
	if n := r.called("reloadApp", 201); n != 1 {
		t.Errorf("%d reloads, want 1", n)
	}
}

func TestLoopThatCheckCannotSeeEndsAmongTheDeadLetters(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{ReloadTime: 10 * time.Millisecond}, `[{"name": "round", "on": ["etl", "gateway"],
		"when": "gatewaysource == 'etl' || type.endsWith('run.succeeded') && data.state == 'succeeded'", "app": "$Sales", "do": ["reload"]}]`)
	r.chain()
	r.dispatch()
	r.send(`{}`)
	for range 11 {
		r.until("run.succeeded")
	}
	letter := r.letter(1)
	if letter.Reason != events.ReasonTooManyHops || letter.Entry.Source != rules.OwnSource || letter.Entry.Hops() != 11 {
		t.Errorf("dead letter: %s of %s after %d hops", letter.Reason, letter.Entry.Source, letter.Entry.Hops())
	}
	again, err := r.replayer().Letter(t.Context(), 1)
	r.must(err)
	outcome := r.until("run.succeeded")
	if again.Result != bridge.ReplayDone || outcome.Extensions()["hops"] != int32(1) {
		t.Errorf("replayed: %+v, then %v", again, outcome.Extensions())
	}
}
