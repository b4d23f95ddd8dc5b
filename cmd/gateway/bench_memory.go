package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/qlikgateway/gateway/events/broker"
)

// A memoryReport says what a gateway holds in memory, in MiB of its resident set; what
// of it is Go's heap in use follows.
type memoryReport struct {
	Count  int     `json:"count"`
	Start  float64 `json:"start_seconds"` // from the start of its process until it is ready
	Idle   held    `json:"idle"`
	Events held    `json:"with_events"` // with so many events waiting in few runs
	Runs   held    `json:"with_runs"`   // with so many runs waiting
}

// held is memory in MiB.
type held struct {
	RSS  float64 `json:"rss_mib"`
	Heap float64 `json:"heap_mib"`
}

func (r *memoryReport) text() string {
	return fmt.Sprintf(`start to ready     %6.0f ms (target: at most 100)
idle               %6.1f MiB resident (target: at most 40), heap in use %.1f
%d events     %6.1f MiB resident more (target: at most %.0f), heap in use %.1f more
%d runs       %6.1f MiB resident more (target: at most %.0f), heap in use %.1f more
`, r.Start*1000, r.Idle.RSS, r.Idle.Heap,
		r.Count, r.Events.RSS-r.Idle.RSS, 30*float64(r.Count)/100_000, r.Events.Heap-r.Idle.Heap,
		r.Count, r.Runs.RSS-r.Idle.RSS, 100*float64(r.Count)/100_000, r.Runs.Heap-r.Idle.Heap)
}

// putMemory measures a gateway that has nothing to do, one that was started with many
// events which few runs wait for, and one with a run for each.
func (b *bench) putMemory(ctx context.Context) (*memoryReport, error) {
	ctx, cancel := context.WithTimeout(ctx, benchPatience)
	defer cancel()
	r := &memoryReport{Count: b.memory, Start: math.Inf(1)}
	var err error
	if r.Idle, err = b.holding(ctx, r, 0, "gather: {quiet: 1h, max: 2h}"); err != nil {
		return nil, err
	}
	if r.Events, err = b.holding(ctx, r, b.memory, "gather: {quiet: 1h, max: 2h}"); err != nil {
		return nil, err
	}
	r.Runs, err = b.holding(ctx, r, b.memory, "gather: none")
	return r, err
}

// holding starts a gateway on so many events and returns what it holds once it has
// admitted them and come to rest.
func (b *bench) holding(ctx context.Context, r *memoryReport, events int, gather string) (held, error) {
	s, err := newStage(ctx, waitingApps, broker.SyncAlways, gather)
	if err != nil {
		return held{}, err
	}
	defer s.close()
	if err := s.fill(events, waitingApps); err != nil {
		return held{}, err
	}
	began := time.Now()
	if err := s.start(); err != nil {
		return held{}, err
	}
	err = until(ctx, func() (bool, error) {
		response, err := http.Get("http://" + s.up.Console + "/readyz") //nolint:noctx // until has it
		if err != nil {
			return false, err
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		return held{}, err
	}
	if events == 0 {
		r.Start = time.Since(began).Seconds()
	}
	metrics := "http://" + s.up.Console + "/metrics"
	if err := s.admitted(ctx, events); err != nil {
		return held{}, err
	}
	return atRest(ctx, metrics)
}

// restless is how long memory may take to come to rest: the broker forgets what it
// read after some seconds, and Go gives back what it freed little by little.
const (
	restless = 90 * time.Second
	restStep = 5 * time.Second
)

// atRest returns what a process holds once that grows less no more.
func atRest(ctx context.Context, metrics string) (held, error) {
	least := held{RSS: math.Inf(1)}
	for began := time.Now(); time.Since(began) < restless; {
		select {
		case <-ctx.Done():
			return held{}, ctx.Err()
		case <-time.After(restStep):
		}
		rss, heap, err := memoryOf(ctx, metrics)
		if err != nil {
			return held{}, err
		}
		if rss > least.RSS-1 && time.Since(began) > restless/3 {
			break
		}
		least = held{rss, heap}
	}
	return least, nil
}

// memoryOf returns the resident set of a process and what of it is Go's heap in use,
// both in MiB.
func memoryOf(ctx context.Context, metrics string) (rss, heap float64, err error) {
	if rss, err = metricOf(ctx, metrics, "process_resident_memory_bytes"); err != nil {
		return 0, 0, err
	}
	heap, err = metricOf(ctx, metrics, "go_memstats_heap_inuse_bytes")
	return rss / (1 << 20), heap / (1 << 20), err
}
