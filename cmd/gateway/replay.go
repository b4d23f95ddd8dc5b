package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// newReplayCommand returns `gateway replay`.
func newReplayCommand() *cobra.Command {
	var o operator
	var query bridge.ReplayQuery
	var from, to string
	command := &cobra.Command{
		Use:   "replay (--from TIME | --run RUN)",
		Short: "Bring events to the rules again: those of a span of time, or of a run that failed",
		Long: "Events that the gateway took, matched or not, are routed by the configuration in force and carried out anew, paced, in their\n" +
			"order. Each gets a new id and the extension replayof. Times are RFC 3339 or how long ago, such as 2h.",
		Example: "  gateway replay --from 2h --rule refresh-sales --dry-run\n" +
			"  gateway replay --from 2026-11-23T06:00:00Z --to 2026-11-23T07:30:00Z --source dbt --rate 2\n" +
			"  gateway replay --run 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var err error
			if query.From, err = moment("from", from); err != nil {
				return err
			}
			if query.To, err = moment("to", to); err != nil {
				return err
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			command.SetContext(ctx)
			return o.replay(command, query)
		},
	}
	o.flags(command)
	flags := command.Flags()
	flags.StringVar(&from, "from", "", "the first event to replay came then, or so long ago")
	flags.StringVar(&to, "to", "", "and the last one before then; default now")
	flags.StringVar(&query.Source, "source", "", "only events of this source")
	flags.StringVar(&query.Type, "type", "", "only events of this CloudEvents type")
	flags.StringVar(&query.Rule, "rule", "", "for this rule only")
	flags.StringVar(&query.Run, "run", "", "the events of this run, which failed, expired or was canceled")
	flags.BoolVar(&query.DryRun, "dry-run", false, "show what would be replayed")
	flags.Float64Var(&query.Rate, "rate", 10, "events per second, at most 1000")
	flags.StringVar(&query.ID, "id", "", "go on with a replay that broke off: what it brought is not brought again")
	return command
}

// moment reads a time, or how long ago it was; "" is none.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return time.Now().Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, misused("--%s %q: expected a time such as 2026-11-23T16:00:00Z, or how long ago such as 2h", flag, text)
	}
	return at, nil
}

// replay has a query replayed and shows it as it goes.
func (o *operator) replay(command *cobra.Command, query bridge.ReplayQuery) error {
	if err := query.Check(); err != nil {
		return misused("--%w", err)
	}
	out := command.OutOrStdout()
	var summary *bridge.ReplaySummary
	err := o.follow(command.Context(), question{path: "/api/v1/replay", order: query}, func(text []byte) error {
		var line console.ReplayLine
		if err := json.Unmarshal(text, &line); err != nil {
			return fmt.Errorf("understand the answer of %s: %w", o.server, err)
		}
		summary = line.Summary
		if o.asJSON {
			_, err := fmt.Fprintf(out, "%s\n", text)
			return err
		}
		return printReplayLine(out, line)
	})
	switch {
	case err != nil:
		return err
	case summary == nil:
		return errors.New("the answer broke off; events seen so far were replayed")
	case summary.Error != "":
		return fmt.Errorf("the replay ended early (go on with --id %s): %s", summary.ID, summary.Error)
	}
	return nil
}

func printReplayLine(out io.Writer, line console.ReplayLine) error {
	if told := line.Event; told != nil {
		_, err := fmt.Fprintf(out, "%-12s  %s  %-12s  %-24s  %s\n", told.Result, clock(told.Time), told.Source, told.ID,
			inLine(strings.Join(append(told.Rules, told.Error), " ")))
		return err
	}
	s := line.Summary
	word := "replayed"
	if s.DryRun {
		word = "would be replayed"
	}
	text := count(s.Seen, "event") + " seen, " + strconv.Itoa(s.Replayed) + " " + word
	for _, part := range []struct {
		n    int
		what string
	}{
		{s.Duplicates, "replayed before"}, {s.Unmatched, "matched by no rule"}, {s.Unplanned, "without a plan"},
		{s.Undecodable, "not decodable"}, {s.Gone, "gone from the journal"},
	} {
		if part.n > 0 {
			text += ", " + strconv.Itoa(part.n) + " " + part.what
		}
	}
	_, err := fmt.Fprintf(out, "%s (replay %s)\n", text, s.ID)
	return err
}

// clock writes a time, or as much space.
func clock(t time.Time) string {
	if t.IsZero() {
		return strings.Repeat(" ", len(time.DateTime))
	}
	return t.Local().Format(time.DateTime)
}
