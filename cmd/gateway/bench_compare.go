package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/qlikgateway/gateway/events/broker"
)

// What is measured beside the floors.
const (
	benchGateway  = "gateway"          // acknowledges after fsync
	benchInterval = "gateway/interval" // with broker.sync: interval
)

// A benchRatio is what the gateway's figure is to a floor's.
type benchRatio struct {
	Of  string  `json:"of"`
	Is  float64 `json:"is"`
	Aim string  `json:"aim"`
}

// ratios holds the gateway's figures against those of the floors that were measured.
func (r benchReport) ratios() []benchRatio {
	var ratios []benchRatio
	for _, of := range []struct {
		text, own, floor, aim string
		figure                func(pairOf) float64
	}{
		{"accepted a second", benchGateway, floorBatch, ">= 0.9", func(p pairOf) float64 { return p.full.PerSecond }},
		{"accepted a second", benchInterval, floorAsync, ">= 0.9", func(p pairOf) float64 { return p.full.PerSecond }},
		{"p99 at the rate", benchGateway, floorPublish, "<= 1.3", func(p pairOf) float64 { return p.steady.P99 }},
		{"CPU of the process for as many", benchGateway, floorBatch, "<= 1.2", func(p pairOf) float64 { return p.full.CPU }},
	} {
		own, floor := r.rounds[of.own], r.rounds[of.floor]
		if len(own) == 0 || len(floor) != len(own) {
			continue
		}
		each := make([]float64, len(own))
		for i := range own {
			each[i] = of.figure(own[i]) / of.figure(floor[i])
		}
		slices.Sort(each)
		ratios = append(ratios, benchRatio{fmt.Sprintf("%s, %s / %s (aim %s)", of.text, of.own, of.floor, of.aim), each[len(each)/2], of.aim})
	}
	return ratios
}

// compare puts the same load on every target, round by round.
func (b *bench) compare(ctx context.Context) error {
	targets, stop, err := b.targets(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for range b.rounds {
		for _, to := range targets {
			round, err := b.round(ctx, to)
			if err != nil {
				return err
			}
			b.report.rounds[to.Name] = append(b.report.rounds[to.Name], round)
		}
	}
	b.report.Ratios = b.report.ratios()
	b.report.Full, b.report.Steady = map[string]measure{}, map[string]measure{}
	for name, rounds := range b.report.rounds {
		rounds = slices.SortedFunc(slices.Values(rounds), func(a, b pairOf) int { return cmp.Compare(a.full.PerSecond, b.full.PerSecond) })
		b.report.Full[name] = rounds[len(rounds)/2].full
		slices.SortFunc(rounds, func(a, b pairOf) int { return cmp.Compare(a.steady.P99, b.steady.P99) })
		b.report.Steady[name] = rounds[len(rounds)/2].steady
	}
	return nil
}

// round puts as much on a target as it takes, and then what comes at the rate.
func (b *bench) round(ctx context.Context, to target) (round pairOf, err error) {
	if round.full, err = b.profiled(ctx, to, "full", load{b.connections, 0, b.lasts}); err != nil {
		return round, err
	}
	round.steady, err = b.profiled(ctx, to, "steady", load{b.connections, b.rate, b.lasts})
	return round, err
}

// profiled puts a load on a target while its process writes a CPU profile, if one is
// wanted.
func (b *bench) profiled(ctx context.Context, to target, name string, l load) (result measure, err error) {
	if b.profiles == "" || to.Metrics == "" {
		return l.put(ctx, to)
	}
	var both errgroup.Group
	both.Go(func() error {
		url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", strings.TrimSuffix(to.Metrics, "/metrics"), int(max(l.lasts, time.Second).Seconds()))
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("profile %s: %w", to.Name, err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("profile %s: %w", to.Name, err)
		}
		defer func() { _ = response.Body.Close() }()
		profile, err := io.ReadAll(response.Body)
		if err != nil {
			return fmt.Errorf("profile %s: %w", to.Name, err)
		}
		if err := os.MkdirAll(b.profiles, 0o750); err != nil {
			return fmt.Errorf("make folder of profiles: %w", err)
		}
		return os.WriteFile(filepath.Join(b.profiles, strings.ReplaceAll(to.Name, "/", "-")+"."+name+".pprof"), profile, 0o600)
	})
	both.Go(func() error {
		result, err = l.put(ctx, to)
		return err
	})
	return result, both.Wait()
}

// targets starts what is measured, and returns how to stop it.
func (b *bench) targets(ctx context.Context) (targets []target, stop func(), err error) {
	app := "0"
	if b.unmatched {
		app = "none"
	}
	body := fmt.Appendf(nil, `{"app": "%s", "pad": "%s"}`, app, bytes.Repeat([]byte("x"), 2000))
	if b.url != "" {
		to := target{Name: benchGateway, URL: b.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
		return []target{to}, func() {}, addHeaders(to.Header, b.headers)
	}
	synced, err := newStage(ctx, 1, broker.SyncAlways)
	if err != nil {
		return nil, nil, err
	}
	interval, err := newStage(ctx, 1, broker.SyncInterval)
	if err != nil {
		synced.close()
		return nil, nil, err
	}
	stop = func() { synced.close(); interval.close() }
	targets, err = synced.floors(body)
	if err != nil {
		stop()
		return nil, nil, err
	}
	quick := interval.target(body)
	quick.Name = benchInterval
	return append(targets, quick), stop, nil
}

// floors starts the floors and returns them with the gateway.
func (s *stage) floors(body []byte) ([]target, error) {
	own := s.target(body)
	targets := []target{own}
	for _, name := range []string{floorBatch, floorPublish, floorGin, floorAsync} {
		var up struct{ URL string }
		if _, err := s.spawn(`"url"`, &up, "bench", "floor", "--kind", name, "--key", s.key, "--data", filepath.Join(s.folder, name)); err != nil {
			return nil, err
		}
		targets = append(targets, target{Name: name, URL: up.URL + "/hooks/bench", Metrics: up.URL + "/metrics", Header: own.Header, Body: body})
	}
	return targets, nil
}
