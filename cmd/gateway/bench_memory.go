package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/events/broker"
)

// A memoryReport says what a gateway holds in memory.
type memoryReport struct {
	Count  int     `json:"count"`
	Start  float64 `json:"start_seconds"` // from the start of its process until it is ready
	Idle   held    `json:"idle"`
	Events held    `json:"with_events"` // with so many events waiting in few runs
	Runs   held    `json:"with_runs"`   // with so many runs waiting
}

// held is memory in MiB.
type held struct {
	Resident float64 `json:"resident_mib"` // all of the process
	Program  float64 `json:"program_mib"`  // of that, the program's own file; 0 where it is not known
	Live     float64 `json:"live_mib"`     // what Go's last collection found in use
}

func (r *memoryReport) text() string {
	more := func(what string, most float64, h held) string {
		return fmt.Sprintf("%-14s %7.1f MiB resident more (target: at most %.0f), %.1f more in use after a collection\n",
			fmt.Sprint(r.Count, " ", what), h.Resident-r.Idle.Resident, most*float64(r.Count)/100_000, h.Live-r.Idle.Live)
	}
	return fmt.Sprintf("start to ready %7.0f ms (target: at most 100)\nidle           %7.1f MiB resident (target: at most 40): the program's file %.1f, in use after a collection %.1f\n",
		r.Start*1000, r.Idle.Resident, r.Idle.Program, r.Idle.Live) + more("events", 30, r.Events) + more("runs", 100, r.Runs)
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
	return s.atRest(ctx)
}

// How long memory may take to come to rest: the broker forgets what it read after some
// seconds, and Go collects every two minutes at the least.
const (
	restless = 150 * time.Second
	restStep = 5 * time.Second
)

// atRest returns the least that the gateway holds for a while.
func (s *stage) atRest(ctx context.Context) (held, error) {
	least := held{Resident: math.Inf(1)}
	for began := time.Now(); time.Since(began) < restless; {
		select {
		case <-ctx.Done():
			return held{}, ctx.Err()
		case <-time.After(restStep):
		}
		now, err := s.held(ctx)
		if err != nil {
			return held{}, err
		}
		if now.Resident < least.Resident {
			least = now
		}
		least.Live = now.Live
	}
	return least, nil
}

// held returns what the gateway holds now.
func (s *stage) held(ctx context.Context) (held, error) {
	metrics := "http://" + s.up.Console + "/metrics"
	var got [3]float64
	for i, name := range []string{"process_resident_memory_bytes", "go_memstats_next_gc_bytes", "go_gc_gogc_percent"} {
		var err error
		if got[i], err = metricOf(ctx, metrics, name); err != nil {
			return held{}, err
		}
	}
	const mib = 1 << 20
	h := held{Resident: got[0] / mib, Live: got[1] / (1 + got[2]/100) / mib}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.gateway.Process.Pid))
	if err != nil {
		return h, nil //nolint:nilerr // no such file but on Linux
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "RssFile:"); ok {
			_, err = fmt.Sscan(text, &h.Program)
			h.Program /= 1 << 10
		}
	}
	return h, err
}
