package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// index runs an index of the ledger and returns a channel that tells of changes.
func index(tb testing.TB, ledger *bridge.Ledger, limit int) (*bridge.Index, <-chan struct{}) {
	tb.Helper()
	changed := make(chan struct{}, 1)
	x := bridge.NewIndex(ledger, limit, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = x.Run(ctx) })
	tb.Cleanup(func() { stop(); running.Wait() })
	return x, changed
}

// await waits until the index is as wanted.
func await(tb testing.TB, changed <-chan struct{}, wanted func() bool) {
	tb.Helper()
	timeout := time.After(time.Minute)
	for !wanted() {
		select {
		case <-changed:
		case <-timeout:
			tb.Fatal("the index never was as wanted")
		}
	}
}

func TestIndexFollowsARunToItsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "refresh", "on": "etl", "app": "$Sales", "do": ["reload"]}]`)
	x, changed := index(t, r.ledger, 10)
	r.dispatch()
	r.send(`{}`)
	r.until("run.succeeded")
	await(t, changed, func() bool { return x.Counts("acme")[bridge.RunSucceeded] == 1 })
	list := x.List(bridge.RunQuery{Tenant: "acme", Rule: "refresh", App: r.tenant.App("Sales"), State: bridge.RunSucceeded})
	if len(list) != 1 || list[0].Done != 1 || list[0].Usual <= 0 || list[0].Causes != 1 {
		t.Fatalf("%+v", list)
	}
	calls := x.Calls("acme", time.Now())
	if calls[58]+calls[59] != 1 {
		t.Errorf("calls by minute: %v", calls)
	}
	flow := x.Flow("", list[0].Opened)
	if flow.Triggers != 1 || flow.Runs != 1 || flow.Steps != 1 || flow.States[bridge.RunSucceeded] != 1 {
		t.Errorf("%+v", flow)
	}
	full, err := x.Full(t.Context(), bridge.RunQuery{})
	r.must(err)
	if len(full) != 1 || full[0].ID != list[0].ID || len(full[0].Steps) != 1 {
		t.Errorf("%+v", full)
	}
}

// fill writes run records as a dispatcher would have left them.
func fill(tb testing.TB, js jetstream.JetStream, bucket string, active, ended int) {
	tb.Helper()
	opened := time.Now().Add(-time.Duration(active+ended) * time.Second).UTC()
	var last jetstream.PubAckFuture
	for i := range active + ended {
		key, state, step := "ended", bridge.RunSucceeded, bridge.StepSucceeded
		if i >= ended {
			key, state, step = "active", bridge.RunRunning, bridge.StepSubmitted
		}
		app, at := fmt.Sprint("app-", i%100), opened.Add(time.Duration(i)*time.Second)
		run := bridge.Run{
			Schema: 1, Tenant: "acme", Rule: fmt.Sprint("rule-", i%20), State: state, Opened: at, Started: at,
			ID: bridge.RunID(opened, uint64(i+1), "acme", fmt.Sprint("rule-", i%20)),
			Plan: &rules.Plan{Steps: []rules.Step{
				{Name: "reload", Action: rules.Reload, Args: rules.Args{App: app}},
			}},
			Steps: []bridge.StepRecord{{
				State: step, Ended: at.Add(time.Minute),
				Attempts: []bridge.Attempt{{CalledAt: at, AnsweredAt: at.Add(time.Second), Sent: true}},
			}},
		}
		run.Causes.Add(uint64(i+1), "e")
		text, err := json.Marshal(run)
		if err != nil {
			tb.Fatal(err)
		}
		last, err = js.PublishAsync("$KV."+bucket+"."+key+".acme."+run.ID, text, jetstream.WithStallWait(time.Minute))
		if err != nil {
			tb.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	select {
	case err := <-last.Err():
		tb.Fatal(err)
	case <-last.Ok():
	}
}

func openStore(tb testing.TB) (*broker.Broker, *bridge.Ledger) {
	tb.Helper()
	b, err := broker.Open(tb.Context(), broker.Config{DataDir: tb.TempDir()}, zerolog.Nop())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close(context.Background()) })
	ledger, err := bridge.OpenLedger(tb.Context(), b.JetStream(), b.Names().Ledger)
	if err != nil {
		tb.Fatal(err)
	}
	return b, ledger
}

func TestIndexIsBoundedAndKeepsWhatIsOpen(t *testing.T) {
	t.Parallel()
	b, ledger := openStore(t)
	fill(t, b.JetStream(), b.Names().Ledger, 5, 30)
	x, changed := index(t, ledger, 20)
	await(t, changed, x.Loaded)
	list := x.List(bridge.RunQuery{Limit: 1000})
	counts := x.Counts("")
	if len(list) != 20 || counts[bridge.RunRunning] != 5 || counts[bridge.RunSucceeded] != 15 {
		t.Fatalf("%d runs, %v", len(list), counts)
	}
	if !slices.IsSortedFunc(list, func(a, b bridge.Summary) int { return -1 * compareID(a, b) }) {
		t.Error("not the newest first")
	}
	page := x.List(bridge.RunQuery{Before: list[4].ID, Limit: 3})
	if len(page) != 3 || page[0].ID != list[5].ID {
		t.Errorf("the page behind %s begins with %s", list[4].ID, page[0].ID)
	}
}

func compareID(a, b bridge.Summary) int {
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

func TestIndexForgetsWhatTheLedgerForgot(t *testing.T) {
	t.Parallel()
	b, ledger := openStore(t)
	fill(t, b.JetStream(), b.Names().Ledger, 0, 3)
	x, changed := index(t, ledger, 20)
	await(t, changed, x.Loaded)
	kv, err := b.JetStream().KeyValue(t.Context(), b.Names().Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Purge(t.Context(), "ended.acme."+x.List(bridge.RunQuery{})[1].ID); err != nil {
		t.Fatal(err)
	}
	await(t, changed, func() bool { return x.Counts("")[bridge.RunSucceeded] == 2 })
}
