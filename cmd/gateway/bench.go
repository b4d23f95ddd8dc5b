package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
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
	out, profiles          string
	unmatched              bool
	memory                 int
	report                 benchReport
}

// A benchReport is what was measured.
type benchReport struct {
	At       time.Time           `json:"at"`
	Version  string              `json:"version"`
	Full     map[string]measure  `json:"full,omitempty"`   // by target, as much as all connections take
	Steady   map[string]measure  `json:"steady,omitempty"` // by target, at the rate
	Ratios   []benchRatio        `json:"ratios,omitempty"`
	Burst    *burstReport        `json:"burst,omitempty"`
	Drain    *drainReport        `json:"drain,omitempty"`
	Recovery *recoveryReport     `json:"recover,omitempty"`
	Memory   *memoryReport       `json:"memory,omitempty"`
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
		Long: `Puts signed deliveries of 2 KiB on a gateway, and in turns, round by round, on the least that has to be done with them: gin that keeps
nothing; gin that verifies and publishes each to JetStream with fsync; the same in one atomic batch when many wait; and gin that verifies and
publishes without fsync, beside a gateway with broker.sync: interval. Each is a process of its own. Only the ratios mean something: absolute figures differ with the machine.
Load is open-loop: a request that waits for a connection counts from when it was due.`,
		Example: `  gateway bench --rounds 5 --out bench.json
  gateway bench --burst 600
  gateway bench --recover 1000000
  gateway bench --memory 100000
  gateway bench --url https://gateway.example.com/hooks/jobs -H "Authorization: Bearer $SECRET" --rate 50`,
		Args: noArguments,
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
	flags.BoolVar(&b.unmatched, "unmatched", false, "deliveries match no rule: they are kept, and nothing is begun")
	flags.StringVar(&b.profiles, "profiles", "", "folder for CPU profiles of each target under each load, which `go tool pprof` shows")
	flags.IntVar(&b.memory, "memory", 0, "instead: memory when idle and for so many waiting events and runs; how long a start takes")
	flags.StringVar(&b.out, "out", "", "file for the figures as JSON")
	command.MarkFlagsMutuallyExclusive("url", "burst", "drain", "recover", "memory")
	command.AddCommand(newFloorCommand(), newFillCommand(), newBareCommand())
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
	case b.memory > 0:
		b.report.Memory, err = b.putMemory(ctx)
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
	for _, ratio := range r.Ratios {
		fmt.Fprintf(&text, "%s: %.2f\n", ratio.Of, ratio.Is)
	}
	if r.Burst != nil {
		fmt.Fprintf(&text, "%d triggers for %d apps: %d reloads, all ended after %.1f s\n", r.Burst.Triggers, r.Burst.Apps, r.Burst.Reloads, r.Burst.Seconds)
	}
	if r.Drain != nil {
		fmt.Fprintf(&text, "%d apps under %s: last call after %.2f s, ideal %.2f s\n", r.Drain.Apps, r.Drain.Quota, r.Drain.Seconds, r.Drain.Ideal)
	}
	if r.Recovery != nil {
		text.WriteString(r.Recovery.text())
	}
	if r.Memory != nil {
		text.WriteString(r.Memory.text())
	}
	return text.String()
}
