package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

var acme = []events.Target{{Tenant: "acme", Rules: []string{"r"}}}

// ids reads the whole journal and counts how often each event is in it, and under
// which sequence.
func ids(t *testing.T, b *broker.Broker) (times map[string]int, at map[string]uint64) {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), b.Names().In)
	if err != nil {
		t.Fatal(err)
	}
	times, at = map[string]int{}, map[string]uint64{}
	for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		msg, err := stream.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		id := msg.Header.Get("ce-id")
		times[id]++
		at[id] = sequence
	}
	return times, at
}

func TestManyAtOnceAreStoredOnceEachAndKnowWhere(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	journal := journalOn(b)
	const distinct, copies = 400, 3
	receipts := make([][copies]events.Receipt, distinct)
	for range 2 { // the second time, all of it was stored before
		var senders sync.WaitGroup
		for i := range distinct {
			for copy := range copies {
				senders.Go(func() {
					receipt, err := journal.Append(t.Context(), arrival(fmt.Sprint(i)), acme, 1)
					if err != nil {
						t.Error(err)
					}
					receipts[i][copy] = receipt
				})
			}
		}
		senders.Wait()
	}
	times, at := ids(t, b)
	if len(times) != distinct {
		t.Fatalf("%d events are stored", len(times))
	}
	for i, of := range receipts {
		id := fmt.Sprint(i)
		for _, receipt := range of {
			if times[id] != 1 || !receipt.Duplicate || receipt.Sequences[0] != at[id] {
				t.Fatalf("event %s is stored %d times, at %d; receipt %+v", id, times[id], at[id], receipt)
			}
		}
	}
}

func TestBatchThatHoldsAnIDStoredBeforeIsStoredAllTheSame(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	if _, err := journalOn(b).Append(t.Context(), arrival("0"), acme, 1); err != nil {
		t.Fatal(err)
	}
	another := journalOn(b) // of a process that does not know the id
	duplicates := appendAll(t, another, 300)
	if times, _ := ids(t, b); len(times) != 300 || times["0"] != 1 || duplicates != 1 {
		t.Errorf("%d events, the first one %d times, %d duplicates", len(times), times["0"], duplicates)
	}
}

// appendAll appends so many events at once and counts the duplicates.
func appendAll(t *testing.T, journal *events.Journal, n int) (duplicates int) {
	t.Helper()
	var senders sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		senders.Go(func() {
			receipt, err := journal.Append(t.Context(), arrival(fmt.Sprint(i)), acme, 1)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if receipt.Duplicate {
				duplicates++
			}
		})
	}
	senders.Wait()
	return duplicates
}

func TestMessageThatIsTooLargeIsRefusedAloneAmongMany(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	journal := journalOn(b)
	var large sync.WaitGroup
	for i := range 5 {
		large.Go(func() {
			a := arrival(fmt.Sprint("large-", i))
			a.Event.DataEncoded = bytes.Repeat([]byte("x"), 9<<20)
			if _, err := journal.Append(t.Context(), a, acme, 1); !errors.Is(err, events.ErrTooLarge) {
				t.Errorf("error %v", err)
			}
		})
	}
	appendAll(t, journal, 300)
	large.Wait()
	if times, _ := ids(t, b); len(times) != 300 {
		t.Errorf("%d events are stored", len(times))
	}
}

func TestSenderThatGoesAwayTakesNobodyWithIt(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	journal := journalOn(b)
	var senders sync.WaitGroup
	for i := range 300 {
		for copy := range 2 {
			senders.Go(func() {
				ctx := t.Context()
				if copy == 0 {
					gone, cancel := context.WithTimeout(ctx, time.Duration(i%7)*time.Millisecond)
					defer cancel()
					ctx = gone
				}
				if _, err := journal.Append(ctx, arrival(fmt.Sprint(i)), acme, 1); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
	}
	senders.Wait()
	if times, _ := ids(t, b); len(times) != 300 {
		t.Errorf("%d events are stored", len(times))
	}
}

// BenchmarkAppend stores events of 2 KiB for 256 senders at once, synced: through
// the journal, and beside it one publish each, which is the floor of one that does not group.
func BenchmarkAppend(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 2048)
	for name, store := range map[string]func(*broker.Broker) func(context.Context, string) error{
		"journal": func(o *broker.Broker) func(context.Context, string) error {
			journal := journalOn(o)
			return func(ctx context.Context, id string) error {
				a := arrival(id)
				a.Event.DataEncoded = body
				_, err := journal.Append(ctx, a, acme, 1)
				return err
			}
		},
		"publish": func(o *broker.Broker) func(context.Context, string) error {
			return func(ctx context.Context, id string) error {
				_, err := o.JetStream().Publish(ctx, o.Names().InSubject+".acme.dbt", body, jetstream.WithMsgID(id))
				return err
			}
		},
	} {
		for _, senders := range []int{1, 8, 32, 256} {
			b.Run(fmt.Sprintf("%s/senders=%d", name, senders), func(b *testing.B) { appendFrom(b, senders, store) })
		}
	}
}

func appendFrom(b *testing.B, senders int, store func(*broker.Broker) func(context.Context, string) error) {
	opened, err := broker.Open(b.Context(), broker.Config{DataDir: b.TempDir()}, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = opened.Close(context.Background()) }()
	put := store(opened)
	next := make(chan int)
	var working sync.WaitGroup
	for range senders {
		working.Go(func() {
			for i := range next {
				if err := put(b.Context(), fmt.Sprint(i)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ResetTimer()
	for i := range b.N {
		next <- i
	}
	close(next)
	working.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkThreshold sweeps how many messages are published by themselves before the
// others wait for a batch.
func BenchmarkThreshold(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 2048)
	for _, alone := range []int{2, 4, 8, 16, 32, 64} {
		for _, senders := range []int{4, 16, 64, 256} {
			b.Run(fmt.Sprintf("alone=%d/senders=%d", alone, senders), func(b *testing.B) {
				appendFrom(b, senders, func(o *broker.Broker) func(context.Context, string) error {
					journal := journalOn(o)
					events.Alone(journal, alone)
					return func(ctx context.Context, id string) error {
						a := arrival(id)
						a.Event.DataEncoded = body
						_, err := journal.Append(ctx, a, acme, 1)
						return err
					}
				})
			})
		}
	}
}
