package events_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// history collects `<tenant>:<id>` of what the journal took in a span of time.
func history(t *testing.T, j *events.Journal, from, to time.Time) []string {
	t.Helper()
	var got []string
	err := j.History(t.Context(), from, to, func(entry events.Entry) error {
		got = append(got, entry.Tenant+":"+entry.Event.ID())
		return entry.Err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestHistoryMergesMatchedAndUnmatchedEventsInOrder(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	began := time.Now().Add(-time.Hour)
	if got := history(t, j, began, time.Now()); got != nil {
		t.Errorf("of none: %v", got)
	}
	var want []string
	const many = 700 // several batches of both streams
	for i := range many {
		id := fmt.Sprint(i)
		switch i % 3 {
		case 0:
			appendTo(t, j, arrival(id), target("acme", "r"), target("beta", "r"))
			want = append(want, "acme:"+id, "beta:"+id)
		case 1:
			appendTo(t, j, arrival(id))
			want = append(want, ":"+id)
		default:
			appendTo(t, j, arrival(id), target("beta", "r"))
			want = append(want, "beta:"+id)
		}
	}
	if got := history(t, j, began, time.Now().Add(time.Hour)); !slices.Equal(got, want) {
		t.Errorf("got %d entries, want %d in the order in which they came", len(got), len(want))
	}
}

func TestHistoryKeepsToItsSpanAndItsContext(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	var times []time.Time
	for i := range 4 {
		appendTo(t, j, arrival(fmt.Sprint(i)), target("acme", "r"))
		entry, err := j.Entry(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, entry.Time)
	}
	if got := history(t, j, times[1], times[3]); !slices.Equal(got, []string{"acme:1", "acme:2"}) {
		t.Errorf("from the second to before the fourth: %v", got)
	}
	stop := errors.New("enough")
	if err := j.History(t.Context(), times[0], time.Now(), func(events.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ended with %v, want the error of the function", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.History(ctx, times[0], time.Now(), func(events.Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v, want the context's error", err)
	}
}

func TestEventsBehindASequenceAreFoundByTenant(t *testing.T) {
	t.Parallel()
	j := journalOn(open(t, broker.Config{}))
	for i := range 6 {
		appendTo(t, j, arrival(fmt.Sprint(i)), target([]string{"acme", "b.ta"}[i%2], "r"))
	}
	appendTo(t, j, arrival("nobody's"))
	var got []string
	for entry, err := range j.After(t.Context(), "b.ta", 2) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, entry.Event.ID())
	}
	if !slices.Equal(got, []string{"3", "5"}) {
		t.Errorf("behind 2: %v", got)
	}
	tenants, err := j.Tenants(t.Context())
	slices.Sort(tenants)
	if err != nil || !slices.Equal(tenants, []string{"acme", "b.ta"}) {
		t.Errorf("tenants %v, %v", tenants, err)
	}
}
