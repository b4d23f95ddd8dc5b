package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// A bench is what `gateway bench` was asked for.
type bench struct {
	url                    string
	headers                []string
	connections, rounds    int
	rate                   float64
	lasts                  time.Duration
	burst, drain, recovery int
	out                    string
	report                 benchReport
}

// A benchReport is what was measured.
type benchReport struct {
	At       time.Time           `json:"at"`
	Version  string              `json:"version"`
	Full     map[string]measure  `json:"full,omitempty"`   // by target, as much as all connections take
	Steady   map[string]measure  `json:"steady,omitempty"` // by target, at the rate
	Burst    *burstReport        `json:"burst,omitempty"`
	Drain    *drainReport        `json:"drain,omitempty"`
	Recovery *recoveryReport     `json:"recover,omitempty"`
	rounds   map[string][]pairOf // by target
}

// A pairOf holds one round's measures of a target.
type pairOf struct{ full, steady measure }

// newBenchCommand returns `gateway bench`.
func newBenchCommand() *cobra.Command {
	var b bench
	command := &cobra.Command{
		Use:   "bench",
		Short: "Measure a gateway beside the floors that nothing safe can be faster than",
		Long: `Puts signed deliveries of 2 KiB on a gateway, and in turns, round by round, on two floors: gin that keeps nothing, and gin that
verifies and publishes each delivery to JetStream with fsync. Only the ratios mean something: absolute figures differ with the machine.
Load is open-loop: a request that waits for a connection counts from when it was due.`,
		Example: `  gateway bench --rounds 5 --out bench.json
  gateway bench --burst 600
  gateway bench --recover 100000
  gateway bench --url https://gateway.example.com/hooks/jobs -H "Authorization: Bearer $SECRET" --rate 50`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			return b.run(ctx, command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.StringVar(&b.url, "url", "", "a running gateway's address of a source, instead of a temporary gateway and the floors")
	flags.StringArrayVarP(&b.headers, "header", "H", nil, "with --url: header to add, such as the sender's proof")
	flags.IntVar(&b.connections, "connections", 256, "connections at full load")
	flags.IntVar(&b.rounds, "rounds", 3, "rounds; of each figure the median is told")
	flags.Float64Var(&b.rate, "rate", 500, "deliveries a second at steady load")
	flags.DurationVar(&b.lasts, "lasts", 3*time.Second, "how long each load lasts in each round")
	flags.IntVar(&b.burst, "burst", 0, "instead: so many triggers for 20 apps at once; how many reloads become of them")
	flags.IntVar(&b.drain, "drain", 0, "instead: one trigger each for so many apps; how long against the quota's ideal")
	flags.IntVar(&b.recovery, "recover", 0, "instead: kill -9 with so many events on the journal; how long to the next command")
	flags.StringVar(&b.out, "out", "", "file for the figures as JSON")
	command.MarkFlagsMutuallyExclusive("url", "burst", "drain", "recover")
	command.AddCommand(newFloorCommand())
	return command
}

func (b *bench) run(ctx context.Context, out io.Writer) (err error) {
	b.report = benchReport{At: time.Now().UTC(), Version: currentBuild().Version, rounds: map[string][]pairOf{}}
	switch {
	case b.burst > 0:
		b.report.Burst, err = b.putBurst(ctx)
	case b.drain > 0:
		b.report.Drain, err = b.putDrain(ctx)
	case b.recovery > 0:
		b.report.Recovery, err = b.putRecovery(ctx)
	default:
		err = b.compare(ctx)
	}
	if err != nil {
		return err
	}
	if b.out != "" {
		text, err := json.MarshalIndent(b.report, "", "  ")
		if err != nil {
			return fmt.Errorf("encode figures: %w", err)
		}
		if err := os.WriteFile(b.out, append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
	}
	_, err = io.WriteString(out, b.report.text())
	return err
}

// compare puts the same load on every target, round by round.
func (b *bench) compare(ctx context.Context) error {
	body := fmt.Appendf(nil, `{"app": "none", "pad": "%s"}`, bytes.Repeat([]byte("x"), 2000))
	targets := []target{{Name: "gateway", URL: b.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}}
	for _, line := range b.headers {
		name, value, _ := strings.Cut(line, ":")
		targets[0].Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if b.url == "" {
		s, err := newStage(ctx, 1)
		if err != nil {
			return err
		}
		defer s.close()
		if targets, err = s.floors(body); err != nil {
			return err
		}
	}
	for range b.rounds {
		for _, to := range targets {
			var round pairOf
			var err error
			if round.full, err = (load{b.connections, 0, b.lasts}).put(ctx, to); err != nil {
				return err
			}
			if round.steady, err = (load{b.connections, b.rate, b.lasts}).put(ctx, to); err != nil {
				return err
			}
			b.report.rounds[to.Name] = append(b.report.rounds[to.Name], round)
		}
	}
	b.report.Full, b.report.Steady = map[string]measure{}, map[string]measure{}
	for name, rounds := range b.report.rounds {
		slices.SortFunc(rounds, func(a, b pairOf) int { return cmp.Compare(a.full.PerSecond, b.full.PerSecond) })
		b.report.Full[name] = rounds[len(rounds)/2].full
		slices.SortFunc(rounds, func(a, b pairOf) int { return cmp.Compare(a.steady.P99, b.steady.P99) })
		b.report.Steady[name] = rounds[len(rounds)/2].steady
	}
	return nil
}

// floors starts the floors and returns them with the gateway.
func (s *stage) floors(body []byte) ([]target, error) {
	own := s.target(body)
	targets := []target{own}
	for name, args := range map[string][]string{
		floorGin:     {"bench", "floor"},
		floorPublish: {"bench", "floor", "--key", s.key, "--data", filepath.Join(s.folder, "floor")},
	} {
		var up struct{ URL string }
		if _, err := s.spawn(`"url"`, &up, args...); err != nil {
			return nil, err
		}
		targets = append(targets, target{Name: name, URL: up.URL + "/hooks/bench", Metrics: up.URL + "/metrics", Header: own.Header, Body: body})
	}
	return targets, nil
}

// text says what was measured to people.
func (r benchReport) text() string {
	var text strings.Builder
	if r.Full != nil {
		text.WriteString("target         full/s  CPU s per 10,000   steady p50 ms   p99 ms   failed\n")
		for _, name := range sorted(r.Full) {
			full, steady := r.Full[name], r.Steady[name]
			fmt.Fprintf(&text, "%-12s %8.0f  %16.2f  %14.2f  %7.2f  %7d\n", name, full.PerSecond, full.CPU, steady.P50, steady.P99, full.Failed+steady.Failed)
		}
	}
	if own, floor := r.Full["gateway"], r.Full[floorPublish]; floor.PerSecond > 0 {
		fmt.Fprintf(&text, "gateway / %s: full %.2f, p99 %.2f, CPU %.2f\n", floorPublish, own.PerSecond/floor.PerSecond,
			r.Steady["gateway"].P99/r.Steady[floorPublish].P99, own.CPU/floor.CPU)
	}
	if r.Burst != nil {
		fmt.Fprintf(&text, "%d triggers for %d apps: %d reloads, all ended after %.1f s\n", r.Burst.Triggers, r.Burst.Apps, r.Burst.Reloads, r.Burst.Seconds)
	}
	if r.Drain != nil {
		fmt.Fprintf(&text, "%d apps under %s: last call after %.2f s, ideal %.2f s\n", r.Drain.Apps, r.Drain.Quota, r.Drain.Seconds, r.Drain.Ideal)
	}
	if r.Recovery != nil {
		fmt.Fprintf(&text, "kill -9 with %d events on the journal: up after %.2f s, next command after %.2f s\n", r.Recovery.Events, r.Recovery.Up, r.Recovery.Command)
	}
	return text.String()
}
