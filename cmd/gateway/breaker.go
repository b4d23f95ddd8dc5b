package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// newBreakerCommand returns `gateway breaker` with all that are below it.
func newBreakerCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{
		Use:   "breaker",
		Short: "Show circuit breakers, hold one open, or let its probe decide",
		Long: "Each tenant has a breaker, which opens by itself when Qlik does not answer and closes when a probe gets through.\n" +
			"One that is held open lets no call through at all, also after a restart; nothing fails and nothing is lost meanwhile.",
	}
	o.flags(command)
	command.AddCommand(o.newBreakerLs(), o.newBreakerOpen(), o.newBreakerClose())
	return command
}

func (o *operator) newBreakerLs() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the breakers of all tenants", Example: "  gateway breaker ls", Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var list console.List[console.TenantStatus]
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/tenants"}, &list); done || err != nil {
				return err
			}
			return printBreakers(out, list.Data)
		},
	}
}

func printBreakers(out io.Writer, tenants []console.TenantStatus) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "TENANT", "BREAKER", "SINCE", "ASKED AGAIN", "WHY")
	for _, tenant := range tenants {
		if tenant.Status == nil {
			row(table, tenant.Name, "unknown", "", "", tenant.Error)
			continue
		}
		breaker := tenant.Status.Breaker
		since, again := "", ""
		if !breaker.Since.IsZero() {
			since = ago(breaker.Since)
		}
		if !breaker.ProbeAt.IsZero() {
			again = breaker.ProbeAt.Local().Format("15:04:05")
		}
		row(table, tenant.Name, breaker.State, since, again, breakerWords(breaker))
	}
	return table.Flush()
}

// breakerWords says why a breaker lets nothing through.
func breakerWords(breaker bridge.BreakerStatus) string {
	switch {
	case breaker.Hold != nil && breaker.Hold.Reason != "":
		return "held open by " + breaker.Hold.By + ": " + breaker.Hold.Reason
	case breaker.Hold != nil:
		return "held open by " + breaker.Hold.By
	case breaker.State == "open":
		return "Qlik does not answer"
	case breaker.State == "held":
		return "Qlik refuses the gateway's credentials"
	}
	return ""
}

func (o *operator) newBreakerOpen() *cobra.Command {
	var s spell
	command := &cobra.Command{
		Use: "open [TENANT]", Short: "Hold a tenant's breaker open: no call to Qlik is made", Example: `  gateway breaker open acme --for 30m --reason "maintenance at Qlik"`, Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.pause(command, s, console.PauseOrder{Tenant: optional(args), Breaker: true})
		},
	}
	s.flags(command)
	return command
}

func (o *operator) newBreakerClose() *cobra.Command {
	return &cobra.Command{
		Use: "close [TENANT]", Short: "Let go of a tenant's breaker: the next probe decides whether it closes", Example: "  gateway breaker close acme", Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			tenant := optional(args)
			if tenant == "" {
				var list console.List[console.TenantStatus]
				if err := o.learn(command.Context(), question{path: "/api/v1/tenants"}, &list); err != nil {
					return err
				}
				if len(list.Data) != 1 {
					return fmt.Errorf("name the tenant: %s are configured, and gateway tenants ls lists them", count(len(list.Data), "tenant"))
				}
				tenant = list.Data[0].Name
			}
			return o.endPause(command, tenant+"."+string(bridge.PauseBreaker))
		},
	}
}
