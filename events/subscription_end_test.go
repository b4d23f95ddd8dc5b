package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
)

// about collects what was told about subscriptions.
func (s *site) about() <-chan events.SubscriptionData {
	s.t.Helper()
	told := make(chan events.SubscriptionData, 1000)
	sub := subscribe(s.t, s.Broker, "qlik.events.-.subscription.>")
	if err := s.Conn().Flush(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		for {
			msg, err := sub.NextMsg(time.Minute)
			if err != nil {
				return
			}
			var event struct {
				Type string
				Data events.SubscriptionData
			}
			if json.Unmarshal(msg.Data, &event) == nil {
				event.Data.Host = strings.TrimPrefix(event.Type, events.TypePrefix)
				told <- event.Data
			}
		}
	}()
	return told
}

func nextTold(t *testing.T, told <-chan events.SubscriptionData) events.SubscriptionData {
	t.Helper()
	select {
	case data := <-told:
		return data
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was told about the subscription")
		return events.SubscriptionData{}
	}
}

func TestSubscriberThatIsGoneIsToldNoMoreUntilEnabled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	told := s.about()
	r := newReceiver(t, func(delivery) int { return http.StatusGone })
	sub := to("alerts", r)
	sub.Concurrency = 1
	s.run(sub)
	ids := s.publish(0, 10, 3)
	if data := nextTold(t, told); data.Host != "subscription.disabled" || data.Reason != events.ReasonGone || data.Subscription != "alerts" {
		t.Errorf("told %+v", data)
	}
	r.set(nil)
	ids = append(ids, s.publish(10, 20, 3)...)
	if r.tries() != 1 {
		t.Errorf("%d tries of one that is gone", r.tries())
	}
	if err := states(t, s.Broker).Enable(t.Context(), "alerts"); err != nil {
		t.Fatal(err)
	}
	r.until(t, "all are delivered", func() bool { return len(r.ids()) > len(ids) }) // and that it was disabled
	complete(t, r, ids)
}

func TestSubscriptionIsWarnedAndThenDisabled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	told := s.about()
	r := newReceiver(t, func(delivery) int { return 500 })
	sub := to("alerts", r)
	sub.DisableAfter = 300 * time.Millisecond
	stop := s.run(sub)
	ids := s.publish(0, 10, 3)
	for _, want := range []string{"subscription.warned", "subscription.warned", "subscription.disabled"} {
		if data := nextTold(t, told); data.Host != want || data.Failures == 0 || data.Since.IsZero() || data.Error != "answered 500" {
			t.Errorf("told %+v, want %s", data, want)
		}
	}
	stop() // tries that were under way beside the last one have come
	tries := r.tries()
	r.set(nil)
	stop = s.run(sub) // a restart does not enable it
	state, err := states(t, s.Broker).State(t.Context(), "alerts")
	if err != nil || state.Disabled != events.ReasonFailing || r.tries() != tries {
		t.Errorf("state %+v, %v; %d tries, want %d", state, err, r.tries(), tries)
	}
	stop()
	sub.URL += "&new=1" // another address does
	s.run(sub)
	r.until(t, "all are delivered", func() bool { return len(r.ids()) >= len(ids) })
	r.until(t, "and what was told about it", func() bool { return len(r.ids()) == len(ids)+3 })
}

func TestOutcomesThatWereKeptNoLongerAreToldAsGap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	told := s.about()
	var up atomic.Bool
	r := newReceiver(t, func(delivery) int {
		if up.Load() {
			return 200
		}
		return 503
	})
	sub := to("alerts", r)
	stop := s.run(sub)
	s.publish(0, 10, 3)
	r.until(t, "it was tried", func() bool { return r.tries() > 3 })
	s.eventually("all are read", func() bool {
		state, err := states(t, s.Broker).State(t.Context(), "alerts")
		return err == nil && state.Next == 11
	})
	purge(t, s, 6) // outcomes that wait
	for missing := uint64(0); missing < 5; {
		data := nextTold(t, told)
		missing += data.Missing
		if data.Host != "subscription.gap" || data.First < 1 || data.Last > 5 || missing > 5 {
			t.Fatalf("of those that waited: %+v", data)
		}
	}
	stop()
	s.publish(10, 20, 3)
	purge(t, s, last(t, s)-4)
	up.Store(true)
	s.run(sub)
	for missing := uint64(0); missing < 10; { // five that waited, and five that were not read
		missing += nextTold(t, told).Missing
	}
	for i := 15; i < 20; i++ {
		r.until(t, "the rest is delivered", func() bool { return slices.Contains(r.ids(), fmt.Sprintf("app%d/%04d", i%3, i)) })
	}
}

// last returns the sequence of the newest outcome.
func last(t *testing.T, s *site) uint64 {
	t.Helper()
	stream, err := s.JetStream().Stream(t.Context(), s.Names().Out)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// purge removes outcomes below a sequence.
func purge(t *testing.T, s *site, below uint64) {
	t.Helper()
	stream, err := s.JetStream().Stream(t.Context(), s.Names().Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(below)); err != nil {
		t.Fatal(err)
	}
}

func TestGarbageIsAFailureLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var tries atomic.Int32
	answers := []string{
		"\x00\x01\x02\x03 garbage\r\n\r\n", "HTTP/1.1 999999 \r\n\r\n", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20),
		"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", "",
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				buffer := make([]byte, 1<<16)
				_, _ = conn.Read(buffer)
				n := int(tries.Add(1)) - 1
				answer := "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n" + strings.Repeat("endless", 20_000)
				if n < len(answers) {
					answer = answers[n]
				}
				_, _ = conn.Write([]byte(answer))
			}()
		}
	}()
	s.run(events.Subscription{Name: "odd", URL: "http://" + listener.Addr().String(), Unvalidated: true, Allow: loopback(), Concurrency: 1})
	s.publish(0, 1, 1)
	s.eventually("delivered at last", func() bool {
		state, err := states(t, s.Broker).State(t.Context(), "odd")
		return err == nil && state.Next == 2 && len(state.Waiting) == 0
	})
	if n := int(tries.Load()); n != len(answers)+1 {
		t.Errorf("%d tries, want %d", n, len(answers)+1)
	}
}

func TestReplicasThatWorkAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	stop := s.run(to("alerts", r))
	var ids []string
	for round := range 5 {
		ids = append(ids, s.publish(round*20, round*20+20, 4)...)
		again := s.run(to("alerts", r)) // at the same time: the first lost its lease, and does not know
		stop()
		stop = again
	}
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	for _, id := range ids {
		if !slices.Contains(r.ids(), id) {
			t.Errorf("%s is lost", id)
		}
	}
}

func TestReplicasTakeOverInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	lease := make(chan struct{}, 1)
	s.hold = func(ctx context.Context, _ string, work func(context.Context) error) error {
		select {
		case lease <- struct{}{}:
			defer func() { <-lease }()
			return work(ctx)
		case <-ctx.Done():
			return nil
		}
	}
	var flips atomic.Int32
	r := newReceiver(t, func(delivery) int { return []int{200, 200, 503}[flips.Add(1)%3] })
	stop := s.run(to("alerts", r))
	var ids []string
	for round := range 5 {
		again := s.run(to("alerts", r))
		ids = append(ids, s.publish(round*20, round*20+20, 4)...)
		stop()
		stop = again
	}
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	complete(t, r, ids)
	if n := len(r.deliveries()); n != len(ids) {
		t.Errorf("%d deliveries of %d: a stop in order tells nothing twice", n, len(ids))
	}
}

func TestOrdersGivenAtOnceAreAllTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	s.run(to("alerts", r))
	ids := s.publish(0, 20, 4)
	var orders sync.WaitGroup
	for range 8 {
		orders.Go(func() {
			if err := states(t, s.Broker).Enable(t.Context(), "alerts"); err != nil {
				t.Error(err)
			}
		})
	}
	orders.Wait()
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	if err := states(t, s.Broker).Enable(t.Context(), "nobody"); !errors.Is(err, events.ErrNoSubscription) {
		t.Errorf("enabled with %v", err)
	}
	for _, word := range []string{"not available", "wrong last sequence"} {
		if strings.Contains(s.log.String(), word) {
			t.Errorf("an order is taken for a fault:\n%s", s.log)
		}
	}
}

func TestEndOfASubscriptionThatCannotBeToldIsToldLater(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	told := s.about()
	r := newReceiver(t, func(delivery) int { return http.StatusGone })
	s.publisher = events.NewPublisher(s.JetStream(), events.PublisherConfig{Subject: "nobody.stores.this"})
	stop := s.run(to("alerts", r))
	s.publish(0, 1, 1)
	s.eventually("it is tried, and nothing can be told", func() bool { return strings.Contains(s.log.String(), "deliveries begin again") })
	stop()
	s.publisher = nil
	s.run(to("alerts", r))
	if data := nextTold(t, told); data.Host != "subscription.disabled" || data.Reason != events.ReasonGone {
		t.Errorf("told %+v", data)
	}
}

func TestReplayPassesNothingOverThatWasNotToldYet(t *testing.T) {
	t.Parallel()
	for name, ago := range map[string]time.Duration{"a time behind what was missed": 0, "a time to come": -time.Hour} {
		s := newSite(t)
		told := s.about()
		r := newReceiver(t, func(delivery) int { return http.StatusGone })
		sub := to("alerts", r)
		sub.Concurrency = 1
		s.run(sub)
		ids := s.publish(0, 1, 1)
		nextTold(t, told) // disabled
		r.set(nil)
		ids = append(ids, s.publish(1, 10, 3)...)
		if err := states(t, s.Broker).Replay(t.Context(), "alerts", time.Now().Add(-ago)); err != nil {
			t.Fatal(err)
		}
		s.publish(10, 11, 1)
		r.until(t, name+": all are delivered", func() bool { return len(r.ids()) > len(ids)+1 })
		complete(t, r, ids)
	}
	if err := states(t, newSite(t).Broker).Enable(t.Context(), "no.name.>"); !errors.Is(err, events.ErrNoSubscription) {
		t.Errorf("enabling what has no name: %v", err)
	}
}
