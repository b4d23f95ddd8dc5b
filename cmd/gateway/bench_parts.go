package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/qlikgateway/gateway/events/broker"
)

// benchPatience bounds each of these measurements.
const benchPatience = 20 * time.Minute

// A burstReport says what became of many triggers for few apps.
type burstReport struct {
	Triggers int     `json:"triggers"`
	Apps     int     `json:"apps"`
	Reloads  int     `json:"reloads"`
	Seconds  float64 `json:"seconds"` // until every run had ended
}

// putBurst sends triggers for 20 apps in turns, all at once, and counts the reloads.
func (b *bench) putBurst(ctx context.Context) (*burstReport, error) {
	ctx, cancel := context.WithTimeout(ctx, benchPatience)
	defer cancel()
	const apps = 20
	s, err := newStage(ctx, apps, broker.SyncAlways)
	if err != nil {
		return nil, err
	}
	defer s.close()
	began := time.Now()
	if err := s.triggers(ctx, b.burst, apps); err != nil {
		return nil, err
	}
	if err := s.admitted(ctx, b.burst); err != nil {
		return nil, err
	}
	calls, err := s.settled(ctx)
	return &burstReport{b.burst, apps, calls, time.Since(began).Seconds()}, err
}

// triggers sends so many, for the apps in turns.
func (s *stage) triggers(ctx context.Context, n, apps int) error {
	var senders errgroup.Group
	senders.SetLimit(64)
	for i := range n {
		senders.Go(func() error { return s.trigger(ctx, i%apps) })
	}
	return senders.Wait()
}

// admitted waits until so many events are part of a run.
func (s *stage) admitted(ctx context.Context, events int) error {
	return untilEvery(ctx, 20*time.Millisecond, func() (bool, error) {
		now, err := metricOf(ctx, "http://"+s.up.Console+"/metrics", "qlik_gateway_admitted_events_total")
		return int(now) >= events, err
	})
}

// settled waits until no run is open, and returns how many reloads there were.
func (s *stage) settled(ctx context.Context) (int, error) {
	err := until(ctx, func() (bool, error) {
		open := 0
		for _, state := range []string{"gathering", "ready", "running"} {
			var list struct{ Data []struct{} }
			if err := getJSON(ctx, "http://"+s.up.Console+"/api/v1/runs?limit=1&state="+state, &list); err != nil {
				return false, err
			}
			open += len(list.Data)
		}
		return open == 0, nil
	})
	if err != nil {
		return 0, err
	}
	calls, err := s.reloads(ctx)
	return len(calls), err
}

// A drainReport says how fast work goes out under the quota.
type drainReport struct {
	Apps    int     `json:"apps"`
	Quota   string  `json:"quota"`
	Seconds float64 `json:"seconds"` // from the first call to the last
	Ideal   float64 `json:"ideal_seconds"`
}

// Qlik's quota of reloads, which the simulated tenant holds a gateway to as well.
const (
	drainCalls  = 50
	drainWindow = time.Minute
)

// putDrain triggers each app once and measures how long until the last is called.
func (b *bench) putDrain(ctx context.Context) (*drainReport, error) {
	ctx, cancel := context.WithTimeout(ctx, benchPatience)
	defer cancel()
	quota := fmt.Sprintf("%d/%s", drainCalls, drainWindow)
	s, err := newStage(ctx, b.drain, broker.SyncAlways)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.triggers(ctx, b.drain, b.drain); err != nil {
		return nil, err
	}
	var calls []time.Time
	err = until(ctx, func() (bool, error) {
		calls, err = s.reloads(ctx)
		return len(calls) >= b.drain, err
	})
	if err != nil {
		return nil, err
	}
	ideal := time.Duration((b.drain-1)/drainCalls) * drainWindow
	return &drainReport{b.drain, quota, calls[len(calls)-1].Sub(calls[0]).Seconds(), ideal.Seconds()}, nil
}
