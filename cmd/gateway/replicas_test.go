package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// newPair makes a site of two gateways on one NATS server. The first, which is
// returned, holds every lease; s.up and s.gateway are of the second.
func newPair(t *testing.T, rules string, simArgs ...string) (s *site, holder *process, outcomes jetstream.JetStream) {
	t.Helper()
	nats4all := startNATS(t, t.TempDir(), server.RANDOM_PORT)
	s = newSiteOn(t, " {url: \""+nats4all.ClientURL()+"\"}", rules, simArgs...)
	holder = s.gateway
	holder.line("took the tenant over")
	s.start()
	conn, err := nats.Connect(nats4all.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if outcomes, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return s, holder, outcomes
}

// TestPushThatAnyReplicaTakesReachesTheOneThatWaitsForIt sends Qlik's events to the
// replica that does not hold the tenant's lease: the other one asks Qlik at once.
func TestPushThatAnyReplicaTakesReachesTheOneThatWaitsForIt(t *testing.T) {
	t.Parallel()
	s, _, js := newPair(t, refreshSales, "--dialect", "cloud", "--reload-time", "1s") // polls are two seconds apart
	s.webhook("com.qlik.v1.reload.finished")
	for n := range 3 {
		if status, answer := s.hook(fmt.Sprintf(`{"n":%d}`, n)); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, answer)
		}
		s.eventually("the run ends", func() bool { return len(ledgerOf(t, js, "run.succeeded")) == n+1 })
		if polls := len(s.calls("getReload")); polls != n+1 {
			t.Errorf("%d polls of %d reloads, want the one after each push", polls, n+1)
		}
	}
}

// published is one outcome as it is stored.
type published struct{ ID, Type, lane string }

// ledgerOf returns what was published of a type, or what all is not progress when it
// is "", in order.
func ledgerOf(t *testing.T, js jetstream.JetStream, kind string) (all []published) {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), "GATEWAY_OUT", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { // tests read again and again, and a stream has room for so many
		if err := js.DeleteConsumer(context.WithoutCancel(t.Context()), "GATEWAY_OUT", consumer.CachedInfo().Name); err != nil {
			t.Error(err)
		}
	}()
	for pending := consumer.CachedInfo().NumPending; pending > 0; {
		msg, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		pending = meta.NumPending
		one := published{lane: msg.Subject()[strings.LastIndex(msg.Subject(), ".")+1:]}
		if err := json.Unmarshal(msg.Data(), &one); err != nil {
			t.Fatal(err)
		}
		one.Type = strings.TrimPrefix(one.Type, "io.qlikgateway.v1.")
		if kind == one.Type || kind == "" && one.Type != "reload.queued" && one.Type != "reload.started" {
			all = append(all, one)
		}
	}
	return all
}

// even holds what a webhook took against the ledger: everything, and those of one app
// or run in order. It returns how many came again.
func (w *webhook) even(t *testing.T, name string, ledger []published) (again int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	first := map[string]int{} // when each was taken
	for i, event := range w.got {
		if _, known := first[event.ID]; known {
			again++
			continue
		}
		first[event.ID] = i
	}
	newest := map[string]published{}
	for _, one := range ledger {
		taken, there := first[one.ID]
		if !there {
			t.Errorf("%s lost %s", name, one.ID)
			continue
		}
		if before, some := newest[one.lane]; some && first[before.ID] > taken {
			t.Errorf("%s: %s came after %s", name, before.ID, one.ID)
		}
		newest[one.lane] = one
	}
	if len(w.bad) > 0 {
		t.Errorf("%s: not verified: %v", name, w.bad)
	}
	return again
}

// TestSubscribersOfTwoGatewaysLoseNothingWhenOneDies kills the gateway that delivers to
// two subscribers, one of which is down meanwhile, and judges both by the ledger of
// what was published.
func TestSubscribersOfTwoGatewaysLoseNothingWhenOneDies(t *testing.T) {
	t.Parallel()
	const secret = "whsec_YSBzZWNyZXQgbG9uZyBlbm91Z2ggZm9yIGEgdGVzdA=="
	up, down := newWebhook(t, secret), newWebhook(t, secret)
	s, holder, js := newPair(t, fmt.Sprintf(`
  - {name: refresh, on: jobs, when: "true", app: "${data.app}", gather: none, do: [reload]}
subscriptions:
  - {name: up, url: "%s/hook", secret: "%s", when: 'tenant == "acme"', allow: [127.0.0.1]}
  - {name: down, url: "%s/hook", secret: "%s", when: 'tenant == "acme"', allow: [127.0.0.1]}
`, up.URL, secret, down.URL, secret), "--dialect", "cloud", "--reload-time", "10ms")
	sent := 0
	send := func(n int) {
		for range n {
			app := s.sample([]string{"Sales", "Finance", "Inventory"}[sent%3])
			sent++
			if status, answer := s.hook(fmt.Sprintf(`{"app":%q,"n":%d}`, app, sent)); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, answer)
			}
		}
	}
	s.webhook("com.qlik.v1.reload.finished") // or each reload waits for its poll
	down.set(http.StatusServiceUnavailable)
	send(3)
	holder.line("answered 503")
	s.eventually("the first is told", func() bool { n, _ := up.count("io.qlikgateway.v1.run.succeeded"); return n > 0 })
	send(3)
	holder.kill()
	send(3)
	s.eventually("all runs have ended", func() bool { return len(ledgerOf(t, js, "run.succeeded")) == sent })
	down.set(http.StatusOK)
	ledger := ledgerOf(t, js, "")
	for name, receiver := range map[string]*webhook{"up": up, "down": down} {
		s.eventually(name+" took all", func() bool {
			receiver.mu.Lock()
			defer receiver.mu.Unlock()
			return !slices.ContainsFunc(ledger, func(one published) bool {
				return !slices.ContainsFunc(receiver.got, func(event heard) bool { return event.ID == one.ID })
			})
		})
		again := receiver.even(t, name, ledger)
		t.Logf("%s took %d events, %d of them again", name, len(ledger), again)
		if again > len(ledger)/2 {
			t.Errorf("%s took %d of %d again: more than what was under way", name, again, len(ledger))
		}
	}
}

// TestNoProxyIsBetweenTheGuardAndWhoIsTold sets every variable that names a proxy.
// Behind one, the guard would see the proxy's address and no other.
func TestNoProxyIsBetweenTheGuardAndWhoIsTold(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1000)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Method + " " + r.Host }))
	t.Cleanup(proxy.Close)
	s := newSite(t, `
  - {name: refresh, on: jobs, when: "true", app: "{{Sales}}", gather: none, do: [reload]}
subscriptions:
  - {name: plain, url: "http://hooks.invalid/x", validate: false, secret: env:TEST_HOOK, allow: [127.0.0.1]}
  - {name: tls, url: "https://hooks.invalid/x", validate: false, secret: env:TEST_HOOK, allow: [127.0.0.1]}
`, "--reload-time", "10ms")
	s.gateway.kill()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		s.env = append(s.env, name+"="+proxy.URL)
	}
	s.start()
	s.hook(`{"n":1}`)
	for _, name := range []string{"plain", "tls"} {
		s.eventually(name+" fails", func() bool {
			var list struct {
				Data []struct{ Name, Error string }
			}
			s.get("http://"+s.up.Console+"/api/v1/subscriptions", &list)
			return slices.ContainsFunc(list.Data, func(one struct{ Name, Error string }) bool { return one.Name == name && one.Error != "" })
		})
	}
	select {
	case request := <-asked:
		t.Errorf("the proxy was asked %s", request)
	default:
	}
}
