package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// releaseLimit bounds how long it may take to give a lease up.
const releaseLimit = 5 * time.Second

// tellers run the subscribers that are configured now, and the chain, by which rules
// hear of outcomes as well.
type tellers struct {
	shared      events.SubscriberConfig
	subscribers []*events.Subscriber
	chain       *events.Chain // nil = nothing is carried out
	running     sync.WaitGroup
	end         context.CancelFunc
}

// openTellers makes the subscribers; start starts them.
func (g *gateway) openTellers(ctx context.Context, b *broker.Broker, shared bridge.Config, registry prometheus.Registerer) (*tellers, error) {
	states, err := events.OpenSubscriptions(ctx, b.JetStream(), b.Names().Ledger, b.Names().Out)
	if err != nil {
		return nil, err
	}
	metrics, err := events.NewSubscriptionMetrics(registry)
	if err != nil {
		return nil, err
	}
	t := &tellers{end: func() {}, shared: events.SubscriberConfig{
		States: states, Publisher: shared.Publisher, Metrics: metrics, Trace: g.trace, Log: g.log,
		Hold: func(ctx context.Context, name string, work func(context.Context) error) error {
			return hold(ctx, shared.Leases, name, work)
		},
	}}
	if g.idle {
		return t, nil
	}
	t.chain, err = events.OpenChain(ctx, events.ChainConfig{
		Outcomes: states, Journal: shared.Journal, Hold: t.shared.Hold, Log: g.log,
		Rules: func() (*rules.Set, uint64) {
			current := shared.Revisions.Current()
			return current.Rules, current.Number
		},
	})
	if err != nil {
		return nil, err
	}
	if t.subscribers, err = t.make(g.cfg.Subscriptions); err != nil {
		return nil, err
	}
	return t, t.begin(ctx, g.cfg.Subscriptions)
}

// begin notes where new subscriptions begin, so that they are told of all that is
// published from now on, however long it takes until somebody works for them.
func (t *tellers) begin(ctx context.Context, subscriptions []events.Subscription) error {
	var names []string
	for _, subscription := range subscriptions {
		names = append(names, subscription.Name)
	}
	if err := t.shared.States.Begin(ctx, names...); err != nil {
		return fmt.Errorf("begin subscriptions: %w", err)
	}
	return nil
}

// make makes subscribers that are not running.
func (t *tellers) make(subscriptions []events.Subscription) ([]*events.Subscriber, error) {
	var subscribers []*events.Subscriber
	for _, subscription := range subscriptions {
		cfg := t.shared
		cfg.Subscription = subscription
		subscriber, err := events.NewSubscriber(cfg)
		if err != nil {
			return nil, fmt.Errorf("subscribe: %w", err)
		}
		subscribers = append(subscribers, subscriber)
	}
	return subscribers, nil
}

func (t *tellers) start() {
	ctx, end := context.WithCancel(context.Background())
	t.end = end
	if t.chain != nil {
		t.running.Go(func() { _ = t.chain.Run(ctx) }) // it ends with ctx only
	}
	for _, subscriber := range t.subscribers {
		t.running.Go(func() { _ = subscriber.Run(ctx) }) // it ends with ctx only
	}
}

// stop lets deliveries under way end, in bounded time.
func (t *tellers) stop() {
	t.end()
	t.running.Wait()
}

// replace puts other subscribers in the place of those that run. They go on where
// those of the same name stopped.
func (t *tellers) replace(subscribers []*events.Subscriber) {
	t.stop()
	t.subscribers = subscribers
	t.start()
}

// withFeed serves outcomes beside what senders reach.
func withFeed(senders http.Handler, feed *events.Feed) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/events" && feed.Open() {
			feed.ServeHTTP(w, r)
			return
		}
		senders.ServeHTTP(w, r)
	})
}

// hold runs work while this process has the lease of that name. The lease is kept
// until work has ended, also when ctx ends first.
func hold(ctx context.Context, leases *bridge.Leases, name string, work func(context.Context) error) error {
	lease, err := leases.Acquire(ctx, name)
	if err != nil {
		return nil //nolint:nilerr // only the end of ctx ends the wait
	}
	holding, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()
	var keeper sync.WaitGroup
	keeper.Go(func() {
		if err := lease.Keep(keeping); err != nil {
			lost(err)
		}
	})
	err = work(holding)
	if cause := context.Cause(holding); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	stopKeeping()
	keeper.Wait()
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	return errors.Join(err, lease.Release(releasing))
}
