package main

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/console"
)

// newRulesCommand returns `gateway rules` with all that are below it.
func newRulesCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "rules", Short: "Show the rules in force, and try events on them"}
	o.flags(command)
	command.AddCommand(&cobra.Command{
		Use: "ls", Short: "List the rules in force with their newest runs", Example: "  gateway rules ls", Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var list console.List[console.RuleStatus]
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/rules"}, &list); done || err != nil {
				return err
			}
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			row(table, "RULE", "ON", "APP", "DOES", "LAST RUN", "STATE")
			for _, rule := range list.Data {
				var steps []string
				for _, step := range slices.Concat(rule.Do, rule.OnFailure, rule.Always) {
					steps = append(steps, step.Action)
				}
				row(table, rule.Name, strings.Join(rule.On.Names(), ","), rule.App, strings.Join(steps, ","), rule.LastRun, rule.LastState)
			}
			return table.Flush()
		},
	}, o.newTry())
	return command
}

func (o *operator) newTry() *cobra.Command {
	var event console.Try
	var file string
	command := &cobra.Command{
		Use:     "try --source NAME [--data FILE]",
		Short:   "Say what the rules in force would do with an event; nothing is done",
		Example: `  echo '{"batch": "today"}' | gateway rules try --source events --type com.example.inventory.loaded --data -`,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			switch file {
			case "":
			case "-":
				event.Data, err = io.ReadAll(command.InOrStdin())
			default:
				event.Data, err = os.ReadFile(file)
			}
			if err != nil {
				return fmt.Errorf("--data: %w", err)
			}
			var trial console.Trial
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/rules/try", order: event}, &trial); done || err != nil {
				return err
			}
			return printTrial(out, trial)
		},
	}
	flags := command.Flags()
	flags.StringVar(&event.Source, "source", "", "configured source that it would come through")
	flags.StringVar(&event.Type, "type", "", "CloudEvents type")
	flags.StringVar(&event.Outcome, "outcome", "", "succeeded, failed or other, as a preset would say")
	flags.StringVar(&event.Job, "job", "", "the job's name, as a preset would say")
	flags.StringVar(&file, "data", "", "file with the body as JSON; - = standard input")
	_ = command.MarkFlagRequired("source") // it exists
	return command
}

func printTrial(out io.Writer, trial console.Trial) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "RULE", "RESULT", "WHY")
	for _, match := range trial.Matches {
		var steps []string
		for _, step := range match.Steps {
			steps = append(steps, strings.TrimSpace(string(step.Action)+" "+step.Args.App))
		}
		row(table, match.Rule, "matches", strings.TrimSpace(strings.Join(steps, ", ")+" "+match.Error))
	}
	for _, note := range trial.Missing {
		row(table, note.Rule, "no", note.Text)
	}
	for _, note := range trial.Errors {
		row(table, note.Rule, "failed", note.Text)
	}
	for _, rule := range trial.Others {
		row(table, rule, "no", "")
	}
	return table.Flush()
}

// newSourcesCommand returns `gateway sources` with all that are below it.
func newSourcesCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "sources", Short: "Show who may send events, and what came of it"}
	o.flags(command)
	command.AddCommand(&cobra.Command{
		Use: "ls", Short: "List sources with what they sent since the gateway started", Example: "  gateway sources ls", Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var list console.List[console.SourceStatus]
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/sources"}, &list); done || err != nil {
				return err
			}
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			row(table, "SOURCE", "PRESET", "SEND TO", "PROOF", "TAKEN", "NEWEST", "REFUSED")
			for _, source := range list.Data {
				var refused []string
				for _, why := range slices.Sorted(maps.Keys(source.Refused)) {
					refused = append(refused, fmt.Sprintf("%d %s", source.Refused[why], why))
				}
				where := strings.TrimSpace(source.Path + " " + source.NATS)
				newest := ""
				if !source.Newest.IsZero() {
					newest = ago(source.Newest)
				}
				row(table, source.Name, source.Preset, where, source.Proof, strconv.Itoa(source.Taken), newest, strings.Join(refused, ", "))
			}
			return table.Flush()
		},
	})
	return command
}

// newTenantsLs returns `gateway tenants ls`.
func newTenantsLs() *cobra.Command {
	var o operator
	command := &cobra.Command{
		Use: "ls", Short: "List tenants: quota, breaker, who works for them, what waits", Example: "  gateway tenants ls", Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var list console.List[console.TenantStatus]
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/tenants"}, &list); done || err != nil {
				return err
			}
			table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			row(table, "TENANT", "BREAKER", "OPEN RUNS", "WAITING", "QUOTA USED", "DISPATCHER", "WHY")
			for _, tenant := range list.Data {
				row(table, tenantCells(tenant)...)
			}
			return table.Flush()
		},
	}
	o.flags(command)
	return command
}

func tenantCells(tenant console.TenantStatus) []string {
	if tenant.Status == nil {
		return []string{tenant.Name, "unknown", "", "", "", tenant.Holder, tenant.Error}
	}
	var quota []string
	for _, q := range tenant.Status.Quota {
		quota = append(quota, fmt.Sprintf("%s %d/%d", q.Class, q.Used, q.Calls))
	}
	waiting, waits := 0, []string{}
	for _, wait := range slices.Sorted(maps.Keys(tenant.Status.Waits)) {
		if wait.Waits() {
			waiting += tenant.Status.Waits[wait]
			waits = append(waits, fmt.Sprintf("%d %s", tenant.Status.Waits[wait], wait))
		}
	}
	breaker := tenant.Status.Breaker.State
	if tenant.Status.Breaker.Hold != nil {
		breaker += " (by hand)"
	}
	why := strings.Join(waits, ", ")
	if words := breakerWords(tenant.Status.Breaker); words != "" {
		why = strings.TrimSuffix(words+"; "+why, "; ")
	}
	return []string{
		tenant.Name, breaker, strconv.Itoa(tenant.Status.Open), strconv.Itoa(waiting),
		strings.Join(quota, ", "), tenant.Holder, why,
	}
}

// newEventsCommand returns `gateway events` with all that are below it.
func newEventsCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "events", Short: "Show outcomes: the events by which the gateway tells how work ended or goes on"}
	o.flags(command)
	command.AddCommand(o.newEventsTail(), o.newEventsShow(), newEventsTypes(&o))
	return command
}

func eventsQuery(tenant, kind, run string) string {
	query := url.Values{}
	for name, value := range map[string]string{"tenant": tenant, "type": kind, "run": run} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query.Encode()
}
