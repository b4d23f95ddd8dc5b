package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// watchEvery is how often a run is looked at while it is watched.
const watchEvery = 500 * time.Millisecond

func (o *operator) newCancel() *cobra.Command {
	return &cobra.Command{
		Use:     "cancel RUN",
		Short:   "Stop a run for good",
		Long:    "A run with nothing under way ends at once. A reload under way is canceled at Qlik first, so the run may end a little later.",
		Example: "  gateway runs cancel 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			var run console.Run
			out := command.OutOrStdout()
			path := "/api/v1/runs/" + url.PathEscape(args[0]) + "/cancel"
			if done, err := o.ask(command.Context(), out, question{path: path, order: struct{}{}}, &run); done || err != nil {
				return err
			}
			return printRun(out, run)
		},
	}
}

func (o *operator) newRetry() *cobra.Command {
	return &cobra.Command{
		Use:     "retry RUN",
		Short:   "Carry out again what a run that failed, expired or was canceled was for",
		Long:    "Brings the events that the run was carried out for back, judged by the rules in force now. A new run is opened for them.",
		Example: "  gateway runs retry 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.replay(command, bridge.ReplayQuery{Run: args[0]})
		},
	}
}

func (o *operator) newWatch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch RUN",
		Short: "Show what happens to a run until it ends",
		Long: "A line for each change; on a terminal one more that moves with the reload, by how long reloads of the app usually take, and elsewhere\n" +
			"a line for each quarter of that. Ends with exit code 0 when the run succeeded and 3 when it ended in another way.",
		Example: "  gateway runs watch 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			return o.watch(ctx, command.OutOrStdout(), args[0])
		},
	}
}

// watch prints each change of a run until it ends.
func (o *operator) watch(ctx context.Context, out io.Writer, id string) error {
	return follow(ctx, out, o.asJSON, func() (run console.Run, err error) {
		err = o.learn(ctx, question{path: "/api/v1/runs/" + url.PathEscape(id)}, &run)
		return run, err
	})
}

// oneLine says in a line how a run stands.
func oneLine(run console.Run) string {
	line := run.State
	for _, step := range run.Steps {
		line += "  " + step.Name + ": " + step.State
		if step.Status != "" {
			line += " (" + step.Status + ")"
		}
		if n := len(step.Attempts); n > 1 {
			line += fmt.Sprintf(" after %d attempts", n)
		}
		if step.Reason != "" {
			line += " " + string(step.Reason)
		}
	}
	if run.Reason != "" {
		line += "  " + string(run.Reason)
	}
	return line
}
