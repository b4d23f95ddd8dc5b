package events_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// BenchmarkDeliveries measures outcomes told to one subscriber that answers at once,
// of a hundred apps, from the publish to the answer.
func BenchmarkDeliveries(b *testing.B) {
	told := make(chan struct{}, 10_000)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told <- struct{}{} }))
	defer server.Close()
	opened, err := broker.Open(b.Context(), broker.Config{DataDir: b.TempDir()}, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = opened.Close(context.Background()) }()
	states, err := events.OpenSubscriptions(b.Context(), opened.JetStream(), opened.Names().Ledger, opened.Names().Out)
	if err != nil {
		b.Fatal(err)
	}
	metrics, err := events.NewSubscriptionMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	publisher := events.NewPublisher(opened.JetStream(), events.PublisherConfig{Subject: opened.Names().OutSubject})
	subscriber, err := events.NewSubscriber(events.SubscriberConfig{
		Subscription: events.Subscription{Name: "bench", URL: server.URL, Secrets: []string{whsec}, Unvalidated: true, Allow: loopback()},
		States:       states, Publisher: publisher, Metrics: metrics, Log: zerolog.Nop(),
		Hold: func(ctx context.Context, _ string, work func(context.Context) error) error { return work(ctx) },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { _ = subscriber.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	for {
		if _, err := states.State(b.Context(), "bench"); err == nil {
			break
		}
	}
	data := sample(events.Catalog()[2])
	outcomes := make([]events.Outcome, 0, b.N)
	for i := range b.N {
		o, err := events.NewOutcome(events.Head{
			ID: fmt.Sprint(i), Type: events.TypeReloadSucceeded, Tenant: "acme", Key: fmt.Sprintf("app%d", i%100), Time: time.Now(),
		}, data)
		if err != nil {
			b.Fatal(err)
		}
		outcomes = append(outcomes, o)
	}
	b.ResetTimer()
	for len(outcomes) > 0 {
		n := min(len(outcomes), 200)
		if err := publisher.Publish(b.Context(), outcomes[:n]...); err != nil {
			b.Fatal(err)
		}
		outcomes = outcomes[n:]
		for range n {
			<-told
		}
	}
}
