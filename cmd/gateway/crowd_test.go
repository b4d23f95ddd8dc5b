package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watchers open streams of the console, half of them the API's and half those of its
// pages, and count what they hear until ctx ends.
func (s *site) watchers(ctx context.Context, n int, heard *atomic.Int64) (wait func()) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: n}}
	var open, listening sync.WaitGroup
	for i := range n {
		path := [...]string{"/api/v1/events/stream", "/live/events"}[i%2]
		open.Add(1)
		listening.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.up.Console+path, nil)
			if err != nil {
				s.t.Error(err)
			}
			response, err := client.Do(request)
			open.Done()
			if err != nil {
				s.t.Error(err)
				return
			}
			defer func() { _ = response.Body.Close() }()
			lines := bufio.NewScanner(response.Body)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "event: outcome") {
					heard.Add(1)
				}
			}
		})
	}
	open.Wait()
	return listening.Wait
}

// deliveries sends n deliveries one after the other, and returns how long the
// slowest and the middle one took to be accepted.
func (s *site) deliveries(n int) (middle, slowest time.Duration) {
	s.t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if status, answer := s.hook(fmt.Sprintf(`{"outcome": "succeeded", "n": %d}`, i)); status != http.StatusAccepted {
			s.t.Fatal(status, answer)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[n/2], took[n-1]
}

func TestTwoHundredWatchersDoNotSlowDeliveries(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--reload-time", "50ms")
	s.deliveries(50) // warm
	alone, worst := s.deliveries(300)
	before := s.resident()
	ctx, stop := context.WithCancel(t.Context())
	var heard atomic.Int64
	wait := s.watchers(ctx, 200, &heard)
	watched, worstWatched := s.deliveries(300)
	s.eventually("every watcher hears of it", func() bool { return heard.Load() >= 200 })
	grown := s.resident() - before
	stop()
	wait()
	after, worstAfter := s.deliveries(300) // what else the machine does may have begun with the watchers
	alone, worst = max(alone, after), max(worst, worstAfter)
	t.Logf("alone: middle %s, slowest %s; with 200 watchers: %s, %s; %d outcomes heard, resident memory grew by %d MB", alone, worst, watched, worstWatched, heard.Load(), grown>>20)
	if watched > 3*alone+20*time.Millisecond {
		t.Errorf("a delivery takes %s with 200 watchers, %s without", watched, alone)
	}
	if grown > 64<<20 && !raceDetector {
		t.Errorf("200 watchers take %d MB", grown>>20)
	}
}
