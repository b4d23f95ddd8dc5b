package bridge

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// TestTakeOverFromACopyThatIsBehindSeesTheLastWritesOnce: in a cluster a take-over may
// read a copy of the ledger that is behind its leader, and catches up with it while it
// reads: a run that was written meanwhile is there once, as it was written last, and one
// that ended is not open, and counts.
func TestTakeOverFromACopyThatIsBehindSeesTheLastWritesOnce(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(*Tenure) (Snapshot, error){
		"all of it": func(behind *Tenure) (Snapshot, error) { return behind.Load(t.Context(), time.Now()) },
		"what ended": func(behind *Tenure) (held Snapshot, err error) {
			held.Recent, err = behind.recent(t.Context(), func() {}, time.Now().Add(-time.Hour))
			return held, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held := readBehind(t, read)
			states := map[string][]RunState{}
			for _, run := range held.Active {
				states[run.ID] = append(states[run.ID], run.State)
			}
			open := len(held.Active) == 2 && len(states["run-1"]) == 1 && states["run-1"][0] == RunRunning && len(states["run-3"]) == 1
			if name == "all of it" && (!open || held.Cursor != 9) {
				t.Errorf("open are %v and the cursor is %d, want run-1 running, run-3 ready and 9", states, held.Cursor)
			}
			if len(held.Recent) != 1 {
				t.Errorf("%d runs have ended, want 1", len(held.Recent))
			}
		})
	}
}

// readBehind has a successor begin to read before its predecessor's last writes, and its
// own epoch, have come to the copy.
func readBehind(t *testing.T, read func(*Tenure) (Snapshot, error)) Snapshot {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	must(err)
	t.Cleanup(func() { must(b.Close(context.Background())) })
	ledger, err := OpenLedger(t.Context(), b.JetStream(), b.Names().Ledger)
	must(err)
	before, err := ledger.TakeOver(t.Context(), "acme", "before")
	must(err)
	run := func(id string, state RunState) *Run { return &Run{ID: id, Tenant: "acme", State: state, Cursor: 7} }
	must(before.Save(t.Context(), Change{Active: []*Run{run("run-1", RunReady), run("run-2", RunReady), run("run-3", RunReady)}}))
	const writes = 5 // an open run, one that ends and the key that it leaves, the cursor, the new epoch
	behind := &Tenure{ledger: ledger, tenant: "acme", epoch: before.epoch + 3 + writes}
	type result struct {
		held Snapshot
		err  error
	}
	done := make(chan result, 1)
	go func() {
		held, err := read(behind)
		done <- result{held, err}
	}()
	stream, err := b.JetStream().Stream(t.Context(), "KV_"+b.Names().Ledger)
	must(err)
	for reading := false; !reading; {
		for range stream.ConsumerNames(t.Context()).Name() {
			reading = true
		}
	}
	must(before.Save(t.Context(), Change{Active: []*Run{run("run-1", RunRunning)}}))
	must(before.Save(t.Context(), Change{Ended: []*Run{run("run-2", RunSucceeded)}, Cursor: 9}))
	after, err := ledger.TakeOver(t.Context(), "acme", "after")
	must(err)
	if after.epoch != behind.epoch {
		t.Fatalf("the epoch is %d, want %d", after.epoch, behind.epoch)
	}
	got := <-done
	must(got.err)
	return got.held
}

// A deafLedger is a bucket of which each request gets no answer when it is made for the
// first time, as of a server of the cluster that has just gone.
type deafLedger struct {
	jetstream.KeyValue
	put, watch sync.Once
	deaf       atomic.Int32 // requests that got no answer
}

func (d *deafLedger) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	d.put.Do(func() {
		d.deaf.Add(1)
		<-ctx.Done()
		err = ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	return d.KeyValue.Put(ctx, key, value)
}

func (d *deafLedger) WatchFiltered(ctx context.Context, keys []string, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	d.watch.Do(func() {
		d.deaf.Add(1)
		keys = []string{"nobody.writes.this"}
	})
	return d.KeyValue.WatchFiltered(ctx, keys, opts...)
}

func TestTakeOverAsksAnewWhereNoAnswerComes(t *testing.T) {
	t.Parallel()
	b, err := broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close(context.Background()) }()
	ledger, err := OpenLedger(t.Context(), b.JetStream(), b.Names().Ledger)
	if err != nil {
		t.Fatal(err)
	}
	before, err := ledger.TakeOver(t.Context(), "acme", "another replica")
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Save(t.Context(), Change{Active: []*Run{{ID: "run-1", Tenant: "acme", State: RunReady, Cursor: 7}}}); err != nil {
		t.Fatal(err)
	}
	deaf := &deafLedger{KeyValue: ledger.kv}
	ledger.kv, ledger.silence = deaf, 200*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), takeOverLimit)
	defer cancel()
	tenure, err := ledger.TakeOver(ctx, "acme", "a replica")
	if err != nil {
		t.Fatal(err)
	}
	held, err := tenure.Load(ctx, time.Now())
	if err != nil || len(held.Active) != 1 || held.Cursor != 7 {
		t.Errorf("loaded %d runs to %d: %v", len(held.Active), held.Cursor, err)
	}
	if deaf.deaf.Load() != 2 {
		t.Errorf("%d requests got no answer, want 2", deaf.deaf.Load())
	}
	ending, end := context.WithTimeout(ctx, ledger.silence/2)
	defer end()
	_, err = insist(ending, ledger.silence, func(ctx context.Context, _ func()) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a take-over whose time is up ends with %v", err)
	}
}
