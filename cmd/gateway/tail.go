package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
)

func (o *operator) newEventsTail() *cobra.Command {
	var tenant, kind, run string
	var last int
	var once bool
	command := &cobra.Command{
		Use:     "tail",
		Short:   "Show outcomes as they are told, until it is stopped",
		Example: "  gateway events tail --type failed\n  gateway events tail --once --json --run 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			query, out := eventsQuery(tenant, kind, run), command.OutOrStdout()
			var list console.List[console.Told]
			if err := o.learn(ctx, question{path: fmt.Sprintf("/api/v1/events?limit=%d&%s", last, query)}, &list); err != nil {
				return err
			}
			asked := question{path: "/api/v1/events/stream?" + query, resume: true} // from where the list ends
			for _, told := range slices.Backward(list.Data) {
				if err := o.printTold(out, told); err != nil {
					return err
				}
				asked.after = told.Sequence
			}
			if once {
				return nil
			}
			err := o.follow(ctx, asked, func(line []byte) error {
				data, ok := bytes.CutPrefix(line, []byte("data: "))
				if !ok {
					return nil
				}
				var told console.Told
				if err := json.Unmarshal(data, &told); err != nil {
					return fmt.Errorf("understand the answer of %s: %w", o.server, err)
				}
				return o.printTold(out, told)
			})
			if ctx.Err() != nil {
				return nil
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&tenant, "tenant", "", "only of this tenant")
	flags.StringVar(&kind, "type", "", "only of this type, whole or its end, such as failed or run.failed")
	flags.StringVar(&run, "run", "", "only of this run")
	flags.IntVar(&last, "last", 10, "how many earlier ones to begin with, at most 500")
	flags.BoolVar(&once, "once", false, "show the earlier ones only")
	return command
}

func (o *operator) printTold(out io.Writer, told console.Told) error {
	if o.asJSON {
		_, err := fmt.Fprintf(out, "%s\n", told.Event)
		return err
	}
	_, err := fmt.Fprintf(out, "%s  %-20s  %-10s  %s\n", told.Time.Local().Format(time.DateTime), inLine(told.Short()), inLine(told.Tenant), inLine(cmp.Or(told.Run, told.About())))
	return err
}

func newEventsTypes(o *operator) *cobra.Command {
	return &cobra.Command{
		Use: "types", Short: "List the types of events that the gateway tells", Example: "  gateway events types", Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			out := command.OutOrStdout()
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			if !o.asJSON {
				row(table, "TYPE", "PROGRESS", "WHEN")
			}
			for _, kind := range events.Catalog() {
				if !o.asJSON {
					row(table, kind.Type, strconv.FormatBool(kind.Progress), kind.When)
					continue
				}
				if err := printJSON(out, map[string]any{"type": kind.Type, "schema": kind.DataSchema(), "progress": kind.Progress, "when": kind.When}); err != nil {
					return err
				}
			}
			return table.Flush()
		},
	}
}
