package events_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

const whsec = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"

// pace is the usual one, a thousand times faster.
func pace() events.Pace {
	return events.Pace{
		Base: 5 * time.Millisecond, Cap: 100 * time.Millisecond, Failures: 5, Open: 30 * time.Millisecond,
		Save: time.Millisecond, Drain: time.Second,
	}
}

// A receiver is a subscriber's endpoint. It answers as it is told to.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	got      []delivery // those that were answered 2xx
	tried    int
	asked    int
	answer   func(delivery) int // status; nil = 204
	changed  chan struct{}      // something came
	validate func(http.ResponseWriter)

	retryAfter string // with 429
}

type delivery struct {
	id     string
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T, answer func(delivery) int) *receiver {
	t.Helper()
	r := &receiver{answer: answer, retryAfter: "0", changed: make(chan struct{}, 1), validate: func(w http.ResponseWriter) {
		w.Header().Set("WebHook-Allowed-Origin", "qlikgateway.io")
	}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	defer func() {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}()
	if request.Method == http.MethodOptions {
		r.mu.Lock()
		r.asked++
		r.mu.Unlock()
		r.validate(w)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	d := delivery{id: request.Header.Get("webhook-id"), header: request.Header, body: body}
	status := http.StatusNoContent
	r.mu.Lock()
	r.tried++
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		status = answer(d)
	}
	if rude(w, request, status) {
		return
	}
	r.mu.Lock()
	if status < 300 {
		r.got = append(r.got, d)
	}
	r.mu.Unlock()
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	w.WriteHeader(status)
}

func (r *receiver) set(answer func(delivery) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) deliveries() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried
}

// until waits until a thing holds, looking again whenever something came.
func (r *receiver) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-r.changed:
		case <-timeout:
			t.Fatalf("never: %s; %d delivered, %d tried", what, len(r.deliveries()), r.tries())
		}
	}
}

// ids returns the ids delivered, without those that came again.
func (r *receiver) ids() []string {
	var ids []string
	for _, d := range r.deliveries() {
		for _, id := range d.ids() {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// ids are of the events in a delivery.
func (d delivery) ids() []string {
	if d.header.Get("Content-Type") != events.MediaBatch {
		return []string{d.id}
	}
	var batch []struct{ ID string }
	if err := json.Unmarshal(d.body, &batch); err != nil {
		return []string{err.Error()}
	}
	var ids []string
	for _, event := range batch {
		ids = append(ids, event.ID)
	}
	return ids
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

// to returns a subscription of a receiver.
func to(name string, r *receiver) events.Subscription {
	return events.Subscription{Name: name, URL: r.URL + "/hook?token=hidden", Secrets: []string{whsec}, Allow: loopback()}
}

func states(t *testing.T, b *broker.Broker) *events.Subscriptions {
	t.Helper()
	s, err := events.OpenSubscriptions(t.Context(), b.JetStream(), b.Names().Ledger, b.Names().Out)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func alone(ctx context.Context, _ string, work func(context.Context) error) error { return work(ctx) }

// A site runs subscribers.
type site struct {
	*broker.Broker
	t    *testing.T
	pace events.Pace
	log  *safeBuffer
	hold func(context.Context, string, func(context.Context) error) error

	resolver  *net.Resolver     // nil = the system's
	publisher *events.Publisher // nil = one that works
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{Broker: open(t, broker.Config{}), t: t, pace: pace(), log: &safeBuffer{}, hold: alone}
}

// run works for a subscription until the test ends or stop is called. It has begun
// when run returns.
func (s *site) run(sub events.Subscription) (stop func()) {
	s.t.Helper()
	metrics, err := events.NewSubscriptionMetrics(prometheus.NewRegistry())
	if err != nil {
		s.t.Fatal(err)
	}
	subscriber, err := events.NewSubscriber(events.SubscriberConfig{
		Subscription: sub, States: states(s.t, s.Broker), Publisher: cmp.Or(s.publisher, publisherOn(s.Broker)), Metrics: metrics,
		Log: zerolog.New(s.log), Pace: s.pace, Hold: s.hold, Resolver: s.resolver,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- subscriber.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(stop)
	s.eventually("the subscription has begun", func() bool {
		_, err := states(s.t, s.Broker).State(s.t.Context(), sub.Name)
		return err == nil
	})
	return stop
}

// eventually asks again until a thing holds.
func (s *site) eventually(what string, holds func() bool) {
	s.t.Helper()
	timeout := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			s.t.Fatalf("never: %s; log:\n%s", what, s.log)
		}
	}
}

// publish publishes outcomes number from to below to, spread over apps. It returns
// their ids.
func (s *site) publish(from, to, apps int) []string {
	s.t.Helper()
	kind := events.Catalog()[2]
	var ids []string
	var outcomes []events.Outcome
	for i := from; i < to; i++ {
		o := outcome(s.t, kind, sample(kind))
		o.Key = fmt.Sprintf("app%d", i%apps)
		o.ID = fmt.Sprintf("%s/%04d", o.Key, i)
		ids, outcomes = append(ids, o.ID), append(outcomes, o)
	}
	if err := publisherOn(s.Broker).Publish(s.t.Context(), outcomes...); err != nil {
		s.t.Fatal(err)
	}
	return ids
}

// complete checks that every outcome was delivered and those of one app in order.
func complete(t *testing.T, r *receiver, want []string) {
	t.Helper()
	got := r.ids()
	if missing := slices.DeleteFunc(slices.Clone(want), func(id string) bool { return slices.Contains(got, id) }); len(missing) > 0 {
		t.Errorf("%d outcomes were not delivered: %v", len(missing), missing)
	}
	newest := map[string]string{}
	for _, id := range got {
		app, _, _ := strings.Cut(id, "/")
		if id < newest[app] {
			t.Errorf("%s came after %s", id, newest[app])
		}
		newest[app] = id
	}
}

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
