package ingress_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// mostWaiting is how many senders may wait at once, as docs/security.md says.
const mostWaiting = 256

// A lobby is a door whose events become part of runs that end when the test says so.
type lobby struct {
	*door
	mu     sync.Mutex
	stored uint64
	asked  map[string]bool // runs that somebody waits for
	ended  map[string]bool
	all    bool // every run has ended
}

func newLobby(t *testing.T, change func(*ingress.Config)) *lobby {
	t.Helper()
	l := &lobby{asked: map[string]bool{}, ended: map[string]bool{}}
	l.door = opened(t, func(c *ingress.Config) {
		l.attend(c)
		if change != nil {
			change(c)
		}
	})
	return l
}

// attend has the events of an ingress become part of the lobby's runs.
func (l *lobby) attend(c *ingress.Config) {
	put := c.Append
	c.Append = func(ctx context.Context, a events.Arrival, targets []events.Target, revision uint64) (events.Receipt, error) {
		receipt, err := put(ctx, a, targets, revision)
		l.mu.Lock()
		defer l.mu.Unlock()
		for i := range receipt.Sequences {
			l.stored++
			receipt.Sequences[i] = l.stored
		}
		return receipt, err
	}
	c.Runs.Caused = func(_ context.Context, tenant, rule string, sequence uint64) (string, error) {
		id := fmt.Sprint(tenant, "-", rule, "-", sequence)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked[id] = true
		return id, nil
	}
	c.Runs.Show = func(_ context.Context, _, id string) (any, bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return map[string]string{"id": id, "state": "succeeded"}, l.all || l.ended[id], nil
	}
}

// waiting returns how many runs somebody waited for.
func (l *lobby) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked)
}

// end ends runs, or all of them.
func (l *lobby) end(ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = l.all || len(ids) == 0
	for _, id := range ids {
		l.ended[id] = true
	}
}

// waits sends event number n and waits for its run.
func (l *lobby) waits(t *testing.T, n int) reply {
	return l.post(t, "/hooks/lab?wait=60s", fmt.Sprintf(`{"done":true,"n":%d}`, n))
}

// fill has so many senders wait, and returns their answers once they have them.
func (l *lobby) fill(t *testing.T, senders int) (answers func() []reply) {
	t.Helper()
	var sending sync.WaitGroup
	replies, before := make([]reply, senders), l.waiting()
	for i := range senders {
		sending.Go(func() { replies[i] = l.waits(t, before+i) })
	}
	until(t, func() bool { return l.waiting() == before+senders })
	return func() []reply { sending.Wait(); return replies }
}

// once checks that each of so many events was stored, once.
func (l *lobby) once(t *testing.T, events int) {
	t.Helper()
	if n := len(l.shelf.arrivals()); n != events {
		t.Errorf("%d events were stored, want %d", n, events)
	}
}

func TestWhoComesWhenTheLobbyIsFullIsAnsweredAtOnceAndTaken(t *testing.T) {
	t.Parallel()
	l := newLobby(t, nil)
	answers := l.fill(t, mostWaiting)
	for n := range 3 {
		if r := l.waits(t, mostWaiting+n); r.status != http.StatusAccepted || len(r.Matches) != 1 || len(r.Runs) != 0 {
			t.Errorf("one too many: %d %s", r.status, r.raw)
		}
	}
	if n := l.waiting(); n != mostWaiting {
		t.Errorf("%d wait", n)
	}
	l.end()
	for _, r := range answers() {
		if r.status != http.StatusOK || len(r.Runs) != 1 {
			t.Errorf("one who waited: %d %s", r.status, r.raw)
		}
	}
	l.once(t, mostWaiting+3)
	if r := l.waits(t, mostWaiting+3); r.status != http.StatusOK {
		t.Errorf("when there is room again: %d %s", r.status, r.raw)
	}
}

func TestWhoWaitsHoldsNoRoomForBodies(t *testing.T) {
	t.Parallel()
	const body = 16 << 10
	l := newLobby(t, func(c *ingress.Config) { c.MaxBody, c.MaxHeld = body, 4*body })
	large := func(n int) reply {
		return l.post(t, "/hooks/lab?wait=60s", fmt.Sprintf(`{"done":true,"n":%d,"pad":"%s"}`, n, strings.Repeat("x", body/2)))
	}
	var sending sync.WaitGroup
	for n := range 20 {
		sending.Go(func() {
			if r := large(n); r.status != http.StatusOK {
				t.Errorf("%d %s", r.status, r.raw)
			}
		})
		until(t, func() bool { return l.waiting() == n+1 })
	}
	l.end()
	sending.Wait()
	l.once(t, 20)
}

func TestWhoWaitsIsNotTakenForASlowSender(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const lasts = 50 * time.Second // longer than a sender may take to send, or to read its answer
		l := &lobby{asked: map[string]bool{}, ended: map[string]bool{}}
		p, _ := pipedOn(t, l.attend)
		time.AfterFunc(lasts, func() { l.end() })
		took, said := left(p.dial(), "POST /hooks/lab?wait=60s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{\"done\":true}")
		if took < lasts || !strings.Contains(said, "200 OK") || !strings.Contains(said, `"runs":["acme-done-1"]`) {
			t.Errorf("after %s it said %q", took, said)
		}
	})
}

func TestStopAnswersWhoWaitsAndKeepsTheirEvents(t *testing.T) {
	t.Parallel()
	l := newLobby(t, nil)
	w := listening(t, l.door)
	answers := l.fill(t, 20)
	asked := make(chan *nats.Msg, 1)
	go func() {
		msg := nats.NewMsg("etl.x.done")
		msg.Data = []byte(`{"rows":1}`)
		msg.Header.Set("Gateway-Wait", "60s")
		answer, err := w.RequestMsg(msg, 30*time.Second)
		if err != nil {
			t.Error(err)
		}
		asked <- answer
	}()
	until(t, func() bool { return l.waiting() == 21 })
	l.StopWaiting()
	l.StopWaiting() // twice is once
	for _, r := range answers() {
		if r.status != http.StatusAccepted || len(r.Runs) != 1 || strings.Contains(r.raw, "outcomes") {
			t.Errorf("at a stop: %d %s", r.status, r.raw)
		}
	}
	if answer := <-asked; answer == nil || !strings.Contains(string(answer.Data), `"runs":["acme-loaded-`) {
		t.Errorf("on NATS at a stop: %v", answer)
	}
	w.stop()
	l.once(t, 21)
}

func TestWhoLeavesWhileItWaitsLeavesItsPlace(t *testing.T) {
	t.Parallel()
	l := newLobby(t, nil)
	var sending sync.WaitGroup
	ctx, leave := context.WithCancel(t.Context())
	for n := range mostWaiting {
		sending.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/hooks/lab?wait=60s", strings.NewReader(fmt.Sprintf(`{"done":true,"n":%d}`, n)))
			if err != nil {
				t.Error(err)
				return
			}
			if response, err := http.DefaultClient.Do(request); err == nil {
				t.Errorf("answered %s", response.Status)
				_ = response.Body.Close()
			}
		})
	}
	until(t, func() bool { return l.waiting() == mostWaiting })
	leave()
	sending.Wait()
	l.once(t, mostWaiting)
	l.end()
	sent := mostWaiting
	until(t, func() bool { // until the server has seen that they left, whoever comes is answered at once
		sent++
		return l.waits(t, sent).status == http.StatusOK
	})
}

func TestEventOfSeveralTenantsIsWaitedForUntilAllHaveEnded(t *testing.T) {
	t.Parallel()
	l := newLobby(t, nil)
	body := fixture(t, "fivetran-successful.json")
	header := http.Header{}
	preset, _ := ingress.LookupPreset("fivetran")
	if err := preset.Verify.Sign(header, body, fivetranSecret, time.Now()); err != nil {
		t.Fatal(err)
	}
	var headers []string
	for name := range header {
		headers = append(headers, name+": "+header.Get(name))
	}
	answered := make(chan reply, 1)
	go func() { answered <- l.post(t, "/hooks/fivetran?wait=60s", string(body), headers...) }()
	until(t, func() bool { return l.waiting() == 2 })
	l.end("acme-refresh-1")
	select {
	case r := <-answered:
		t.Fatalf("answered before both have ended: %d %s", r.status, r.raw)
	case <-time.After(time.Second): // it looks four times in it
	}
	l.end("umbra-publish-2")
	r := <-answered
	if r.status != http.StatusOK || strings.Join(r.Runs, " ") != "acme-refresh-1 umbra-publish-2" || strings.Count(r.raw, `"state":"succeeded"`) != 2 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	l.once(t, 1)
}

func TestWaitThatCannotBeUnderstoodIsRefusedBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	l := newLobby(t, nil)
	for _, wait := range []string{"2min", "true", "-1s", "-1", "1h30", "99999999999999999999"} {
		if r := l.post(t, "/hooks/lab?wait="+wait, `{"done":true,"n":1}`); r.status != http.StatusBadRequest || !strings.Contains(r.raw, "such as 60s") {
			t.Errorf("%s: %d %s", wait, r.status, r.raw)
		}
	}
	l.once(t, 0)
	l.end()
	for n, wait := range []string{"90", "90s", "4294967295", "2540400h", "60"} {
		if r := l.post(t, "/hooks/lab?wait="+wait, fmt.Sprintf(`{"done":true,"n":%d}`, n)); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", wait, r.status, r.raw)
		}
	}
}
