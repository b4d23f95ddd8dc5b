package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/console"
)

// An operator talks to the console of a running gateway.
type operator struct {
	server string
	asJSON bool
}

// askLimit bounds one question to the console.
const askLimit = 15 * time.Second

// newRunsCommand returns `gateway runs` with all that are below it.
func newRunsCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "runs", Short: "Show what the gateway did and is doing"}
	command.PersistentFlags().StringVar(&o.server, "server", "http://"+defaultConsoleAddr, "address of the gateway's console")
	command.PersistentFlags().BoolVar(&o.asJSON, "json", false, "print what the API answers")
	command.AddCommand(o.newLs(), o.newShow(), o.newResolve())
	return command
}

func (o *operator) newLs() *cobra.Command {
	var tenant, rule, state string
	var limit int
	command := &cobra.Command{
		Use:     "ls",
		Short:   "List runs, the newest first",
		Example: "  gateway runs ls --state failed",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{"tenant": tenant, "rule": rule, "state": state} {
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
	command.Flags().StringVar(&state, "state", "", "only runs in this state")
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
			var run console.Run
			out := command.OutOrStdout()
			path := "/api/v1/runs/" + url.PathEscape(args[0]) + "/resolve"
			if done, err := o.ask(command.Context(), out, question{path, map[string]string{"as": as, "app": app}}, &run); done || err != nil {
				return err
			}
			return printRun(out, run)
		},
	}
	command.Flags().StringVar(&as, "as", "", "succeeded, failed or retry")
	command.Flags().StringVar(&app, "app", "", "id of the app that the step made")
	return command
}

// A question is what an operator asks the API; with an order it is a POST.
type question struct {
	path  string
	order any
}

// request returns the question as an HTTP request.
func (q question) request(ctx context.Context, server string) (*http.Request, error) {
	address := strings.TrimRight(server, "/") + q.path
	if q.order == nil {
		return http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	}
	body, err := json.Marshal(q.order)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

// ask gets an answer of the API. With --json it prints it as it is, and is done.
func (o *operator) ask(ctx context.Context, out io.Writer, asked question, into any) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	request, err := asked.request(ctx, o.server)
	if err != nil {
		return false, fmt.Errorf("--server: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, fmt.Errorf("ask the gateway (is it running, and is --server its console.addr?): %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var problem struct{ Detail string }
		if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
			return false, fmt.Errorf("%s answers %s; is it the gateway's console?", o.server, response.Status)
		}
		return false, errors.New(problem.Detail)
	}
	if o.asJSON {
		_, err := out.Write(append(body, '\n'))
		return true, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return false, fmt.Errorf("understand the answer of %s: %w", o.server, err)
	}
	return false, nil
}

func printRuns(out io.Writer, list console.RunList) error {
	if len(list.Data) == 0 {
		_, err := fmt.Fprintln(out, "no runs yet: none was asked for, or none fits")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "RUN", "RULE", "STATE", "EVENTS", "OPENED", "TOOK", "WHY")
	for _, run := range list.Data {
		row(table, run.ID, run.Rule, run.State, strconv.Itoa(run.Causes.Count), ago(run.Opened), took(run.Opened, run.Ended), string(run.Reason))
	}
	return table.Flush()
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
	row(table, "opened", run.Opened.Local().Format(time.DateTime)+"  "+ago(run.Opened))
	row(table, "took", took(run.Opened, run.Ended))
	row(table, "events", fmt.Sprintf("%d  (%s)", run.Causes.Count, strings.Join(run.Causes.First[:min(3, len(run.Causes.First))], ", ")))
	row(table)
	row(table, "STEP", "ACTION", "APP", "STATE", "RELOAD", "STATUS", "CALLS", "WHY")
	for _, step := range run.Steps {
		why := strings.TrimSpace(string(step.Reason) + " " + step.Error)
		row(table, step.Name, step.Action, step.App, step.State, step.ReloadID, step.Status, strconv.Itoa(len(step.Attempts)), why)
	}
	return table.Flush()
}

// row writes one line of a table; an error shows when the table is flushed.
func row(table io.Writer, cells ...string) {
	for i := range cells {
		cells[i] = cmp.Or(cells[i], "-")
	}
	_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
}

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() + " ago" }

func took(from, to time.Time) string {
	if to.IsZero() {
		return ""
	}
	return to.Sub(from).Round(100 * time.Millisecond).String()
}
