package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// newRunsCommand returns `gateway runs` with all that are below it.
func newRunsCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "runs", Short: "Show what the gateway did and is doing"}
	o.flags(command)
	command.AddCommand(o.newLs(), o.newShow(), o.newLog(), o.newResolve(), o.newCancel(), o.newRetry(), o.newWatch(), newStart(&o))
	return command
}

// runStates are the states of a run, in words.
const runStates = "gathering, ready, running, held, succeeded, failed, canceled or expired"

func (o *operator) newLs() *cobra.Command {
	var tenant, rule, state, reason, app, before string
	var limit int
	command := &cobra.Command{
		Use:     "ls",
		Short:   "List runs, the newest first",
		Example: "  gateway runs ls --state failed",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if state != "" && !bridge.RunState(state).Known() {
				return misused("--state %q: expected %s", state, runStates)
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{"tenant": tenant, "rule": rule, "state": state, "reason": reason, "app": app, "before": before} {
				if value != "" {
					query.Set(name, value)
				}
			}
			var list console.RunList
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/runs?" + query.Encode()}, &list); done || err != nil {
				return err
			}
			return printRuns(out, list)
		},
	}
	command.Flags().StringVar(&tenant, "tenant", "", "only runs of this tenant")
	command.Flags().StringVar(&rule, "rule", "", "only runs of this rule")
	command.Flags().StringVar(&state, "state", "", "only runs in this state: "+runStates)
	command.Flags().StringVar(&reason, "reason", "", "only runs that ended badly, or are held, for this reason, such as reload_failed")
	command.Flags().StringVar(&app, "app", "", "only runs whose current step is about this app: its name in the configuration, or its id")
	command.Flags().StringVar(&before, "before", "", "only runs older than this one: the next page")
	command.Flags().IntVar(&limit, "limit", 20, "how many at most")
	return command
}

func (o *operator) newShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show RUN",
		Short:   "Show one run with its steps and attempts",
		Example: "  gateway runs show 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			var run console.Run
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/runs/" + url.PathEscape(args[0])}, &run); done || err != nil {
				return err
			}
			return printRun(out, run)
		},
	}
}

func (o *operator) newResolve() *cobra.Command {
	var as, app string
	command := &cobra.Command{
		Use:   "resolve RUN --as succeeded|failed|retry",
		Short: "Say how the unknown step of a held run ended",
		Long: "A run is held when a call's answer was lost and nobody can find out whether it took effect. Look at the tenant, then say:\n" +
			"succeeded (go on; --app names the app that a copy or publish made), failed (end the run), or retry (it had no effect: call again).",
		Example: "  gateway runs resolve 0t4k3x2-00000007-promote-1a2b3c --as succeeded --app 2f1c6e0a-1111-2222-3333-444455556666",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if !slices.Contains([]string{bridge.ResolveSucceeded, bridge.ResolveFailed, bridge.ResolveRetry}, as) {
				return misused("--as %q: expected succeeded, failed or retry", as)
			}
			var run console.Run
			out := command.OutOrStdout()
			path := "/api/v1/runs/" + url.PathEscape(args[0]) + "/resolve"
			if done, err := o.ask(command.Context(), out, question{path: path, order: map[string]string{"as": as, "app": app}}, &run); done || err != nil {
				return err
			}
			return printRun(out, run)
		},
	}
	command.Flags().StringVar(&as, "as", "", "succeeded, failed or retry")
	command.Flags().StringVar(&app, "app", "", "id of the app that the step made")
	_ = command.MarkFlagRequired("as") // it exists
	return command
}

func printRuns(out io.Writer, list console.RunList) error {
	if len(list.Data) == 0 {
		_, err := fmt.Fprintln(out, "no runs yet: none was asked for, or none fits")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "RUN", "RULE", "APP", "STATE", "EVENTS", "OPENED", "TOOK", "WHY")
	for _, run := range list.Data {
		row(table, run.ID, run.Rule, appOf(run), run.State, strconv.Itoa(run.Causes.Count), ago(run.Opened), took(run.Opened, run.Ended), why(run))
	}
	if err := table.Flush(); err != nil || list.Next == "" {
		return err
	}
	_, err := fmt.Fprintf(out, "older ones: --before %s\n", list.Next)
	return err
}

// appOf names the first app that a run is about.
func appOf(run console.Run) string {
	for _, step := range run.Steps {
		if name := cmp.Or(step.AppName, step.App); name != "" {
			return name
		}
	}
	return ""
}

// why says why a run failed, or what it waits for.
func why(run console.Run) string {
	if waits := run.Waiting(); waits != "" {
		return "waits for " + waits
	}
	return string(run.Reason)
}

func printRun(out io.Writer, run console.Run) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "run", run.ID)
	row(table, "tenant", run.Tenant)
	row(table, "rule", run.Rule)
	row(table, "state", strings.TrimSpace(run.State+"  "+string(run.Reason)))
	if run.Error != "" {
		row(table, "error", run.Error)
	}
	if waits := run.Waiting(); waits != "" {
		row(table, "waits for", waits)
	}
	if run.PausedBy != "" {
		row(table, "paused", run.PausedBy+"  since "+ago(run.PausedSince))
	}
	row(table, "opened", run.Opened.Local().Format(time.DateTime)+"  "+ago(run.Opened))
	row(table, "took", took(run.Opened, run.Ended))
	row(table, "events", fmt.Sprintf("%d  (%s)", run.Causes.Count, strings.Join(run.Causes.First[:min(3, len(run.Causes.First))], ", ")))
	if len(run.Parts) > 0 {
		row(table, "parts", strings.Join(slices.Sorted(maps.Keys(run.Parts)), ", "))
	}
	if len(run.Missing) > 0 {
		row(table, "missing", strings.Join(run.Missing, ", "))
	}
	row(table)
	row(table, "STEP", "ACTION", "APP", "STATE", "RELOAD", "STATUS", "CALLS", "WHY")
	for _, step := range run.Steps {
		why := strings.TrimSpace(string(step.Reason) + " " + step.Error)
		row(table, step.Name, step.Action, cmp.Or(step.AppName, step.App), step.State, step.ReloadID, step.Status, strconv.Itoa(len(step.Attempts)), why)
	}
	if hint := logHint(run); hint != "" {
		row(table, hint)
	}
	if len(run.Timeline) > 0 {
		row(table)
		row(table, "WHEN", "WHAT HAPPENED")
	}
	for _, hop := range run.Timeline {
		row(table, hop.At.Local().Format("15:04:05.000"), strings.TrimSpace(hop.Text+"  "+hop.Note))
	}
	return table.Flush()
}
