package events_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
)

func TestLongRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for status, wait := range map[int]time.Duration{http.StatusTooManyRequests: time.Second, http.StatusServiceUnavailable: 2 * time.Second} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			var mu sync.Mutex
			var asked, again time.Time
			early, done := 0, make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				switch now := time.Now(); {
				case asked.IsZero():
					asked = now
					w.Header().Set("Retry-After", map[time.Duration]string{time.Second: "1"}[wait])
					if wait > time.Second {
						w.Header().Set("Retry-After", now.Add(wait+time.Second).UTC().Format(http.TimeFormat)) // whole seconds
					}
					w.WriteHeader(status)
				case now.Sub(asked) < wait:
					early++
				case again.IsZero():
					again = now
					close(done)
				}
			}))
			t.Cleanup(server.Close)
			other := newReceiver(t, nil)
			s.run(events.Subscription{Name: "patient", URL: server.URL, Unvalidated: true, Allow: loopback(), Concurrency: 1})
			s.run(to("other", other))
			ids := s.publish(0, 20, 5) // of five apps: none is tried meanwhile
			other.until(t, "the other has all", func() bool { return len(other.ids()) == len(ids) })
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Fatal("never tried again")
			}
			mu.Lock()
			defer mu.Unlock()
			if early > 0 {
				t.Errorf("%d deliveries before the subscriber wanted any", early)
			}
		})
	}
}
