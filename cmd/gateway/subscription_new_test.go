package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestNewSubscriptionIsToldWhatIsPublishedBeforeSomebodyWorksForIt keeps the leases of
// two subscriptions, one that is there at the start and one that a change of the
// configuration brings, until a run of after that has ended.
func TestNewSubscriptionIsToldWhatIsPublishedBeforeSomebodyWorksForIt(t *testing.T) {
	t.Parallel()
	const secret = "whsec_YSBzZWNyZXQgbG9uZyBlbm91Z2ggZm9yIGEgdGVzdA=="
	const succeeded = "io.qlikgateway.v1.run.succeeded"
	s, first, js := newPair(t, refreshSales, "--dialect", "cloud", "--reload-time", "10ms")
	first.kill()
	s.gateway.kill()
	leases, err := js.KeyValue(t.Context(), "GATEWAY_LEASES")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"subscription.early", "subscription.late"}
	for _, name := range names {
		if _, err := leases.Create(t.Context(), name, []byte("somebody"), jetstream.KeyTTL(2*patience)); err != nil {
			t.Fatal(err)
		}
	}
	early, late := newWebhook(t, secret), newWebhook(t, secret)
	configured := string(read(t, s.config)) + "subscriptions:\n"
	for i, w := range []*webhook{early, late} {
		configured += fmt.Sprintf("  - {name: %s, url: \"%s/hook\", secret: %q, allow: [127.0.0.1]}\n", []string{"early", "late"}[i], w.URL, secret)
		if err := os.WriteFile(s.config, []byte(configured), 0o600); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			s.start()
			s.webhook("com.qlik.v1.reload.finished")
		} else {
			s.gateway.line("a new configuration is in force")
		}
		if status, answer := s.hook(fmt.Sprintf(`{"n":%d}`, i)); status != 202 {
			t.Fatalf("%d %s", status, answer)
		}
		s.eventually("the run ends", func() bool { return len(ledgerOf(t, js, "run.succeeded")) == i+1 })
	}
	for _, name := range names {
		if err := leases.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for w, runs := range map[*webhook]int{early: 2, late: 1} {
		s.eventually("it is told", func() bool { n, _ := w.count(succeeded); return n >= runs })
		if n, bad := w.count(succeeded); n != runs || len(bad) > 0 {
			t.Errorf("told of %d runs, want %d; not verified: %v", n, runs, bad)
		}
	}
}
