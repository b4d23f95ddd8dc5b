package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/qlikgateway/gateway/events/broker"
)

// waitingApps is how many apps the waiting events are for.
const waitingApps = 20

// startPatience is how long a server may read its store.
const startPatience = 5 * time.Minute

// A recoveryReport says how soon a killed gateway works again. Times are in seconds
// from the start of its process.
type recoveryReport struct {
	Events   int     `json:"events"`
	Bytes    int64   `json:"store_bytes"`
	Bare     float64 `json:"bare_seconds"`        // until a NATS server alone on a copy of that store is ready
	Up       float64 `json:"up_seconds"`          // until the gateway takes events
	Command  float64 `json:"command_seconds"`     // until its first call reached Qlik
	Admitted float64 `json:"admitted_seconds"`    // until every event is part of a run
	Rate     float64 `json:"admitted_per_second"` // between up and admitted
	CPU      float64 `json:"cpu_seconds"`         // used by then
	Runs     int     `json:"runs"`                // opened by then
	RSS      float64 `json:"rss_mib"`             // by then
	Live     float64 `json:"live_mib"`            // of that, in use after a collection
}

func (r *recoveryReport) text() string {
	return fmt.Sprintf(`kill -9 with %d events of which none was read, a store of %d MiB
  bare NATS server on a copy of it ready  %6.2f s
  gateway up                              %6.2f s
  first command at Qlik                   %6.2f s, %.2f s after the bare server (target: at most 1.00)
  every event admitted                    %6.2f s, %.0f events/s (target: more than 50000), CPU %.1f s, %d runs, RSS %.0f MiB, of it in use after a collection %.0f MiB
`, r.Events, r.Bytes>>20, r.Bare, r.Up, r.Command, r.Command-r.Bare, r.Admitted, r.Rate, r.CPU, r.Runs, r.RSS, r.Live)
}

// putRecovery fills the journal while nothing is carried out, kills who did it, and
// starts first a NATS server alone on a copy of the store, then the gateway.
func (b *bench) putRecovery(ctx context.Context) (*recoveryReport, error) {
	ctx, cancel := context.WithTimeout(ctx, benchPatience)
	defer cancel()
	s, err := newStage(ctx, waitingApps, broker.SyncAlways)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.fill(b.recovery, waitingApps); err != nil {
		return nil, err
	}
	r := &recoveryReport{Events: b.recovery}
	if err := s.bare(r); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.start(); err != nil {
		return nil, err
	}
	r.Up = time.Since(began).Seconds()
	err = until(ctx, func() (bool, error) {
		calls, err := s.reloads(ctx)
		return len(calls) > 0, err
	})
	if err != nil {
		return nil, err
	}
	r.Command = time.Since(began).Seconds()
	metrics := "http://" + s.up.Console + "/metrics"
	if err := s.admitted(ctx, b.recovery); err != nil {
		return nil, err
	}
	r.Admitted = time.Since(began).Seconds()
	r.Rate = float64(b.recovery) / (r.Admitted - r.Up)
	opened, err := metricOf(ctx, metrics, `qlik_gateway_admitted_events_total{result="opened"`)
	if err != nil {
		return nil, err
	}
	r.Runs = int(opened)
	if r.CPU, err = cpuOf(ctx, metrics); err != nil {
		return nil, err
	}
	now, err := s.held(ctx)
	r.RSS, r.Live = now.Resident, now.Live
	return r, err
}

// bare measures how long a NATS server alone takes for a copy of the store.
func (s *stage) bare(r *recoveryReport) error {
	data, replica := filepath.Join(s.folder, "data"), filepath.Join(s.folder, "bare")
	if err := os.CopyFS(replica, os.DirFS(data)); err != nil {
		return fmt.Errorf("copy store: %w", err)
	}
	defer os.RemoveAll(replica) //nolint:errcheck // its folder goes as well
	err := fs.WalkDir(os.DirFS(data), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			r.Bytes += info.Size()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("measure store: %w", err)
	}
	began := time.Now()
	var held struct{ Messages int }
	bare, err := s.spawn(`"messages"`, &held, "bench", "bare", "--data", replica)
	if err != nil {
		return err
	}
	r.Bare = time.Since(began).Seconds()
	end(bare)
	if held.Messages < r.Events {
		return fmt.Errorf("the bare server found %d messages, expected %d", held.Messages, r.Events)
	}
	return nil
}
