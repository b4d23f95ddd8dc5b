package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A target is what is measured: an address that takes deliveries, and one that says
// what its process used.
type target struct {
	Name    string
	URL     string
	Metrics string // "" = not known
	Header  http.Header
	Body    []byte
}

// A measure is what a target did under load.
type measure struct {
	Answered  int     `json:"answered"`
	Failed    int     `json:"failed,omitempty"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	CPU       float64 `json:"cpu_s_per_10000,omitempty"` // of the target's whole process
}

// A load is how much is sent: open-loop, so many a second whatever is answered, or
// with rate 0 as much as all connections together take.
type load struct {
	connections int
	rate        float64
	lasts       time.Duration
}

// put sends the load to a target. Latencies count from when a request was due, so
// that one that had to wait for a connection is as slow as it was for its sender.
func (l load) put(ctx context.Context, to target) (measure, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.connections, MaxConnsPerHost: l.connections}}
	defer client.CloseIdleConnections()
	used, err := cpuOf(ctx, to.Metrics)
	if err != nil {
		return measure{}, err
	}
	var next, failed atomic.Int64
	var workers sync.WaitGroup
	latencies := make([][]time.Duration, l.connections)
	began := time.Now()
	for w := range l.connections {
		workers.Go(func() {
			for {
				due := time.Now()
				if l.rate > 0 {
					due = began.Add(time.Duration(float64(next.Add(1)-1) / l.rate * float64(time.Second)))
				}
				if due.Sub(began) >= l.lasts || ctx.Err() != nil {
					return
				}
				time.Sleep(time.Until(due)) //nolint:forbidigo // it sends at a pace
				if post(ctx, client, to) != nil {
					failed.Add(1)
					continue
				}
				latencies[w] = append(latencies[w], time.Since(due))
			}
		})
	}
	workers.Wait()
	took := time.Since(began).Seconds()
	usedThen, err := cpuOf(ctx, to.Metrics)
	all := slices.Concat(latencies...)
	if len(all) == 0 {
		return measure{}, fmt.Errorf("%s answered nothing well, %d requests failed", to.Name, failed.Load())
	}
	slices.Sort(all)
	at := func(part float64) float64 { return all[int(part*float64(len(all)-1))].Seconds() * 1000 }
	return measure{
		Answered: len(all), Failed: int(failed.Load()), PerSecond: float64(len(all)) / took, P50: at(0.5), P99: at(0.99),
		CPU: (usedThen - used) / float64(len(all)) * 10_000,
	}, err
}

// post sends one delivery.
func post(ctx context.Context, client *http.Client, to target) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(to.Body))
	if err != nil {
		return err
	}
	request.Header = to.Header
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("answered %d", response.StatusCode)
	}
	return err
}

// cpuOf asks a process how many seconds of processor time it has used.
func cpuOf(ctx context.Context, metrics string) (float64, error) {
	if metrics == "" {
		return 0, nil
	}
	return metricOf(ctx, metrics, "process_cpu_seconds_total")
}

// metricOf asks a process for a metric, summed over the labels that name does not give;
// 0 when it has none.
func metricOf(ctx context.Context, metrics, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metrics, nil)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var sum float64
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || !strings.ContainsRune(" {,", rune(rest[0])) {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("read metric %s: %w", name, err)
		}
		sum += value
	}
	return sum, nil
}
