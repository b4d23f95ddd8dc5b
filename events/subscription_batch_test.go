package events_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/qlikgateway/gateway/events"
)

// batches returns a subscription that is told in batches.
func batches(r *receiver, most int) events.Subscription {
	sub := to("batches", r)
	sub.Mode, sub.Batch, sub.BatchWithin = events.ModeBatch, most, 20*time.Millisecond
	return sub
}

func TestBatchesAreBoundedAndLoseNothing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(delivery) int{
		"well": nil, "down": bad(20, hangUp), "500": bad(20, 500), "429": bad(20, 429), "413": bad(20, 413),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := newReceiver(t, answer)
			s.run(batches(r, 10))
			ids := s.publish(0, 200, 7)
			r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
			complete(t, r, ids)
			most := 0
			for _, d := range r.deliveries() {
				most = max(most, len(d.ids()))
				webhook, err := standardwebhooks.NewWebhook(whsec)
				if err != nil {
					t.Fatal(err)
				}
				if err := webhook.Verify(d.body, d.header); err != nil {
					t.Errorf("%s: %v", d.id, err)
				}
			}
			if most < 2 || most > 10 {
				t.Errorf("at most %d events in one delivery, want 2 to 10", most)
			}
		})
	}
}

func TestEventThatSpoilsABatchIsFoundAndTheOthersPass(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var mended atomic.Bool
	r := newReceiver(t, func(d delivery) int {
		if slices.Contains(d.ids(), "app0/0000") && !mended.Load() {
			return http.StatusUnprocessableEntity
		}
		return 200
	})
	s.run(batches(r, 20))
	ids := s.publish(0, 40, 4)
	r.until(t, "the other apps' are delivered", func() bool { return len(r.ids()) == 30 })
	if slices.ContainsFunc(r.ids(), func(id string) bool { return strings.HasPrefix(id, "app0/") }) {
		t.Error("an app's order is not kept")
	}
	mended.Store(true)
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	complete(t, r, ids)
}

func TestLoneEventWaitsForOthersNoLongerThanItShould(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	s.run(batches(r, 1000))
	ids := s.publish(0, 1, 1)
	r.until(t, "it is delivered", func() bool { return len(r.ids()) == len(ids) })
}
