package events_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// TestCallbackToANameOfAPrivateAddressIsNotMade has an allowed host mean an address
// inside, though it meant another when the sender asked.
func TestCallbackToANameOfAPrivateAddressIsNotMade(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	r := newReceiver(t, func(delivery) int { return http.StatusOK })
	names, resolver := newNameserver(t)
	metrics, err := events.NewCallbackMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	log := &safeBuffer{}
	allowed := map[string]events.Callbacks{
		"closed": {Hosts: []string{"*.example.com"}},
		"open":   {Hosts: []string{"*.example.com"}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	caller := events.NewCaller(events.CallerConfig{
		JetStream: b.JetStream(), Stream: b.Names().Callbacks, Metrics: metrics, Log: zerolog.New(log), Resolver: resolver,
		Callbacks: func(source string) events.Callbacks { return allowed[source] },
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- caller.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	publisher := events.NewPublisher(b.JetStream(), events.PublisherConfig{Subject: b.Names().OutSubject, CallbackSubject: b.Names().CallbackSubject})
	kind := events.Catalog()[2]
	callback := func(source, host string) {
		t.Helper()
		address := "http://" + host + ".example.com:" + portOf(t, r.URL) + "/" + source
		asked, err := allowed[source].Asked([]byte(`{"callback":"` + address + `"}`))
		if err != nil || asked != address {
			t.Fatalf("asked for %q, %v", asked, err)
		}
		if err := publisher.CallBack(t.Context(), outcome(t, kind, sample(kind)), events.Callback{Source: source, URL: address}); err != nil {
			t.Fatal(err)
		}
	}
	names.says("127.0.0.1", "64:ff9b::7f00:1", "::ffff:127.0.0.1")
	callback("closed", "inside")
	(&site{t: t, log: log}).eventually("it is refused", func() bool {
		return strings.Contains(log.String(), string(events.ReasonForbiddenAddress))
	})
	if r.tries() > 0 {
		t.Error("the callback was made")
	}
	callback("open", "well") // a host that was refused is left alone for a while: another one
	r.until(t, "the one that is allowed is made", func() bool { return len(r.deliveries()) == 1 })
	if strings.Contains(log.String(), "/closed") {
		t.Errorf("the log shows the address:\n%s", log)
	}
}
