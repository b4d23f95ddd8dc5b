package events_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

func TestDeliveriesAreVerifiedByThePublicLibrary(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	sub := to("alerts", r)
	const second = "whsec_YW5vdGhlciBzZWNyZXQ="
	sub.Secrets = append(sub.Secrets, second)
	s.run(sub)
	ids := s.publish(0, 10, 3)
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	complete(t, r, ids)
	for _, d := range r.deliveries() {
		for _, secret := range sub.Secrets {
			webhook, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := webhook.Verify(d.body, d.header); err != nil {
				t.Errorf("%s: %v", d.id, err)
			}
			if webhook.Verify(append(d.body, ' '), d.header) == nil {
				t.Error("a changed body is verified")
			}
		}
		event, err := events.DecodeStructured(d.body)
		if err != nil || event.ID() != d.id || d.header.Get("Content-Type") != events.MediaEvent {
			t.Errorf("%s is %s as %s, %v", d.id, d.body, d.header.Get("Content-Type"), err)
		}
	}
	if r.asked != 1 {
		t.Errorf("asked for consent %d times, want once", r.asked)
	}
	if strings.Contains(s.log.String(), "hidden") {
		t.Errorf("the log shows the address's secret:\n%s", s.log)
	}
}

// bad answers in every way but the right one, and after so many tries rightly.
func bad(after int32, status int) func(delivery) int {
	var tries atomic.Int32
	return func(delivery) int {
		if tries.Add(1) <= after {
			return status
		}
		return http.StatusOK
	}
}

func TestNothingIsLostWhateverTheSubscriberAnswers(t *testing.T) {
	t.Parallel()
	var flips atomic.Int32
	for name, answer := range map[string]func(delivery) int{
		"down":      bad(40, hangUp),
		"500":       bad(40, 500),
		"429":       bad(40, 429),
		"404":       bad(40, 404),
		"400":       bad(40, 400),
		"redirects": bad(20, 302),
		"flapping": func(delivery) int {
			if flips.Add(1)/3%2 == 0 {
				return 503
			}
			return 200
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r, other := newReceiver(t, answer), newReceiver(t, nil)
			s.run(to("it", r))
			s.run(to("other", other))
			ids := s.publish(0, 60, 7)
			other.until(t, "the other has all", func() bool { return len(other.ids()) == len(ids) })
			complete(t, other, ids)
			if n := other.tries(); n != len(ids) {
				t.Errorf("the other was told %d times of %d", n, len(ids))
			}
			r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
			complete(t, r, ids)
		})
	}
}

func TestSlowSubscriberSlowsNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	release := make(chan struct{})
	slow, quick := newReceiver(t, func(delivery) int { <-release; return 200 }), newReceiver(t, nil)
	sub := to("slow", slow)
	sub.Concurrency = 2
	s.run(sub)
	s.run(to("quick", quick))
	ids := s.publish(0, 50, 5)
	quick.until(t, "the quick one has all", func() bool { return len(quick.ids()) == len(ids) })
	if n := slow.tries(); n > sub.Concurrency {
		t.Errorf("%d deliveries at a time, want at most %d", n, sub.Concurrency)
	}
	close(release)
	slow.until(t, "the slow one has all", func() bool { return len(slow.ids()) == len(ids) })
	complete(t, slow, ids)
}

func TestOneAppThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var mended atomic.Bool
	r := newReceiver(t, func(d delivery) int {
		if strings.HasPrefix(d.id, "app0/") && !mended.Load() {
			return http.StatusUnprocessableEntity
		}
		return 200
	})
	s.run(to("alerts", r))
	ids := s.publish(0, 40, 4)
	r.until(t, "the other apps' are delivered", func() bool { return len(r.ids()) == 30 })
	mended.Store(true)
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	complete(t, r, ids)
}

func TestSubscriptionGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var down atomic.Bool
	r := newReceiver(t, func(d delivery) int {
		if down.Load() && strings.HasPrefix(d.id, "app1/") {
			return 503
		}
		return 200
	})
	s.publish(0, 5, 5) // before it began: not for it
	stop := s.run(to("alerts", r))
	ids := s.publish(5, 20, 5)
	r.until(t, "the first are delivered", func() bool { return len(r.ids()) == 15 })
	down.Store(true)
	ids = append(ids, s.publish(20, 40, 5)...)
	r.until(t, "all but one app's are delivered", func() bool { return len(r.ids()) >= 15+1 })
	stop()
	ids = append(ids, s.publish(40, 60, 5)...)
	down.Store(false)
	s.run(to("alerts", r))
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	complete(t, r, ids)
	state, err := states(t, s.Broker).State(t.Context(), "alerts")
	if err != nil || state.Disabled != "" || !state.Validated {
		t.Errorf("state %+v, %v", state, err)
	}
}

func TestFilterAndProgressDecideWhatIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	failures, everything := newReceiver(t, nil), newReceiver(t, nil)
	sub := to("failures", failures)
	var err error
	if sub.When, err = rules.NewPredicate(`type.endsWith(".failed") && rule == "refresh"`); err != nil {
		t.Fatal(err)
	}
	s.run(sub)
	sub = to("everything", everything)
	sub.Progress = true
	s.run(sub)
	var all []events.Outcome
	failed := 0
	for _, kind := range events.Catalog() {
		all = append(all, outcome(t, kind, sample(kind)))
		if kind.Participle() == "failed" {
			failed++
		}
	}
	if err := publisherOn(s.Broker).Publish(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	everything.until(t, "all types are told", func() bool { return len(everything.ids()) == len(all) })
	failures.until(t, "failures are told", func() bool { return len(failures.ids()) == failed })
	for _, id := range failures.ids() {
		if !strings.HasSuffix(id, ".failed") {
			t.Errorf("told of %s", id)
		}
	}
}

func TestOnlyWhoConsentsIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	var consents atomic.Bool
	r.validate = func(w http.ResponseWriter) {
		if !consents.Load() {
			w.Header().Set("WebHook-Allowed-Origin", "somebody.else.example")
		} else {
			w.Header().Set("WebHook-Allowed-Origin", "*")
			w.Header().Set("WebHook-Allowed-Rate", "60000")
		}
	}
	s.run(to("alerts", r))
	ids := s.publish(0, 5, 2)
	s.eventually("it was asked again", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.asked > 3 })
	if r.tries() > 0 {
		t.Error("told before it consented")
	}
	consents.Store(true)
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	s.eventually("the rate is kept", func() bool {
		state, err := states(t, s.Broker).State(t.Context(), "alerts")
		return err == nil && state.PerMinute == 60000
	})
}

func TestReplayTellsAgainSinceATime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	s.run(to("alerts", r))
	s.publish(0, 10, 3)
	r.until(t, "all are delivered", func() bool { return len(r.deliveries()) == 10 })
	since := time.Now()
	s.publish(10, 20, 3)
	r.until(t, "all are delivered", func() bool { return len(r.deliveries()) == 20 })
	if err := states(t, s.Broker).Replay(t.Context(), "alerts", since); err != nil {
		t.Fatal(err)
	}
	r.until(t, "the later ones came again", func() bool { return len(r.deliveries()) >= 30 })
	counts := map[string]int{}
	for _, d := range r.deliveries() {
		counts[d.id]++
	}
	for i := range 20 {
		if id := fmt.Sprintf("app%d/%04d", i%3, i); counts[id] != 1+i/10 {
			t.Errorf("%s came %d times", id, counts[id])
		}
	}
}
