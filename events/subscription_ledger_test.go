package events_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// What a receiver does instead of answering with a status.
const (
	hangUp   = iota + 1 // cuts the connection
	garbage             // answers what is not HTTP
	endless             // answers 500 with a body that never ends
	redirect            // sends elsewhere
	silence             // does not answer
)

// rude answers in one of these ways.
func rude(w http.ResponseWriter, request *http.Request, how int) bool {
	switch how {
	case hangUp:
		panic(http.ErrAbortHandler)
	case garbage:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = conn.Write([]byte("\x16\x03\x01 HTTP/9.9 20O \xff\xfe OK\r\n\r\n"))
			_ = conn.Close()
		}
	case endless:
		w.WriteHeader(http.StatusInternalServerError)
		for line := bytes.Repeat([]byte("endless "), 4096); ; {
			if _, err := w.Write(line); err != nil {
				break
			}
		}
	case redirect:
		http.Redirect(w, request, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
	case silence:
		<-request.Context().Done()
	default:
		return false
	}
	return true
}

// An hour is as long for these subscriptions, a thousand times faster than usual.
const hour = time.Hour / 1000

// A mood is how a subscriber answers its n-th delivery, and since when it is well.
type mood func(n int, since time.Duration, well *atomic.Bool) int

// moods are the ways in which subscribers are unwell. Those that wait for well are so
// until the others have been told everything.
func moods() map[string]mood {
	until := func(status int) mood {
		return func(_ int, since time.Duration, well *atomic.Bool) int {
			if since < hour || !well.Load() {
				return status
			}
			return http.StatusOK
		}
	}
	first := func(n int, status int) mood {
		return func(i int, _ time.Duration, _ *atomic.Bool) int {
			if i <= n {
				return status
			}
			return http.StatusOK
		}
	}
	return map[string]mood{
		"down-for-an-hour": until(hangUp), "failing-for-an-hour": until(500), "gone": until(410), "silent": until(silence),
		"busy": first(2, 429), "garbage": first(20, garbage), "endless": first(12, endless), "redirects": first(20, redirect),
		"flapping": func(n int, _ time.Duration, _ *atomic.Bool) int {
			return []int{200, 200, hangUp, 503, 200, garbage, 429}[n%7]
		},
		"slow": func(int, time.Duration, *atomic.Bool) int { <-time.After(10 * time.Millisecond); return 202 },
	}
}

// A witness looks at every try to deliver: its id is the event's, the same at each, its
// body never changes, and both secrets prove it.
type witness struct {
	t       *testing.T
	secrets []string
	mu      sync.Mutex
	bodies  map[string][]byte
}

func (w *witness) see(d delivery) {
	for _, secret := range w.secrets {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err == nil {
			err = webhook.Verify(d.body, d.header)
		}
		if err != nil {
			w.t.Errorf("%s: %v", d.id, err)
		}
	}
	event, err := events.DecodeStructured(d.body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.bodies[d.id]; err != nil || event.ID() != d.id || known != nil && !bytes.Equal(known, d.body) {
		w.t.Errorf("delivered as %s: %s, before %s; %v", d.id, d.body, known, err)
	}
	w.bodies[d.id] = d.body
}

// unwell runs a subscription whose receiver is in a mood, until it is told that it is well.
func (s *site) unwell(name string, how mood, well *atomic.Bool) *receiver {
	began, tries := time.Now(), atomic.Int32{}
	w := &witness{t: s.t, secrets: []string{whsec, "whsec_bmV3ZXIgc2VjcmV0"}, bodies: map[string][]byte{}}
	r := newReceiver(s.t, func(d delivery) int {
		w.see(d)
		return how(int(tries.Add(1)), time.Since(began), well)
	})
	sub := s.ofTenant(name, r)
	sub.Secrets, sub.Timeout, sub.Unvalidated = w.secrets, 2*time.Second, name == "busy"
	switch name {
	case "silent":
		sub.Timeout = 50 * time.Millisecond
	case "failing-for-an-hour":
		sub.DisableAfter = hour / 2
	case "busy":
		r.retryAfter = "1"
	}
	s.run(sub)
	return r
}

// ofTenant returns a subscription of a receiver to what a tenant's runs do, without
// what becomes of subscriptions.
func (s *site) ofTenant(name string, r *receiver) events.Subscription {
	sub := to(name, r)
	var err error
	if sub.When, err = rules.NewPredicate(`tenant == "acme"`); err != nil {
		s.t.Fatal(err)
	}
	return sub
}

// TestLedgerOfManySubscribersIsEvenWhateverAilsSomeOfThem keeps a ledger of what was
// published and what each of thirteen subscribers took, of which ten are unwell in ten
// ways for up to an hour of scaled time: nothing is lost, nothing is told twice, each
// app's events come in order, and those who are well are told everything meanwhile.
func TestLedgerOfManySubscribersIsEvenWhateverAilsSomeOfThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pace.Cap = hour
	well := &atomic.Bool{}
	ill, hale := map[string]*receiver{}, map[string]*receiver{}
	for name, how := range moods() {
		ill[name] = s.unwell(name, how, well)
	}
	for _, mode := range []events.Mode{events.ModeStructured, events.ModeBinary, events.ModeBatch} {
		r := newReceiver(t, nil)
		sub := s.ofTenant("well-"+string(mode), r)
		sub.Mode, sub.BatchWithin = mode, 5*time.Millisecond
		s.run(sub)
		hale[sub.Name] = r
	}
	var ids []string
	for round := range 10 { // while some are down
		ids = append(ids, s.publish(round*30, round*30+30, 12)...)
		for name, r := range hale {
			r.until(t, name+" is told at once", func() bool { return len(r.ids()) >= len(ids) })
		}
	}
	for name, r := range hale {
		even(t, name, r, ids)
		if n := r.tries(); strings.HasSuffix(name, "structured") && n != len(r.ids()) {
			t.Errorf("%s was told %d times of %d", name, n, len(r.ids()))
		}
	}
	for _, name := range []string{"gone", "failing-for-an-hour"} {
		s.eventually(name+" is disabled", func() bool {
			state, err := states(t, s.Broker).State(t.Context(), name)
			return err == nil && state.Disabled != ""
		})
	}
	well.Store(true)
	for _, name := range []string{"gone", "failing-for-an-hour"} {
		ill[name].set(nil)
		if err := states(t, s.Broker).Enable(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range ill {
		r.until(t, name+" is told of all", func() bool { return len(r.ids()) >= len(ids) })
		even(t, name, r, ids)
	}
}

// even checks a receiver against the ledger: it took everything in order, and nothing
// twice, but for the one whose answer may come after its delivery was given up.
func even(t *testing.T, name string, r *receiver, want []string) {
	t.Helper()
	times := map[string]int{}
	for _, d := range r.deliveries() {
		for _, id := range d.ids() {
			if times[id]++; times[id] == 2 && name != "silent" {
				t.Errorf("%s took %s again", name, id)
			}
		}
	}
	t.Run(fmt.Sprintf("%s, %d tries", name, r.tries()), func(t *testing.T) { complete(t, r, want) })
}
