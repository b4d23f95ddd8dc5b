package main

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/console"
)

// newSubscriptionsCommand returns `gateway subscriptions` with all that are below it.
func newSubscriptionsCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "subscriptions", Short: "Show who is told of outcomes over HTTP, and tell them again"}
	o.flags(command)
	command.AddCommand(o.newSubscriptionsLs(), o.newEnable(), o.newSubscriptionReplay())
	return command
}

func (o *operator) newSubscriptionsLs() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List subscriptions and how far they have come",
		Example: "  gateway subscriptions ls",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var list console.SubscriptionList
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/subscriptions"}, &list); done || err != nil {
				return err
			}
			if len(list.Data) == 0 {
				_, err := fmt.Fprintln(out, "no subscriptions: name who is to be told under subscriptions")
				return err
			}
			return printSubscriptions(out, list.Data...)
		},
	}
}

func (o *operator) newEnable() *cobra.Command {
	return &cobra.Command{
		Use:     "enable NAME",
		Short:   "Let a disabled subscription go on where it stopped",
		Example: "  gateway subscriptions enable alerts",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.orderSubscription(command, args[0], "enable", struct{}{})
		},
	}
}

func (o *operator) newSubscriptionReplay() *cobra.Command {
	var since string
	command := &cobra.Command{
		Use:     "replay NAME --since TIME",
		Short:   "Tell a subscription again what was published since a time, under the same ids",
		Example: "  gateway subscriptions replay alerts --since 2h",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			from, err := moment("since", since)
			if err == nil && from.IsZero() { // such as a variable that is not set
				err = misused("--since is empty: expected a time, or how long ago, such as 2h")
			}
			if err != nil {
				return err
			}
			return o.orderSubscription(command, args[0], "replay", map[string]time.Time{"since": from})
		},
	}
	command.Flags().StringVar(&since, "since", "", "RFC 3339, or how long ago, such as 2h")
	_ = command.MarkFlagRequired("since") // it exists
	return command
}

// orderSubscription gives an order about a subscription and prints how it is then.
func (o *operator) orderSubscription(command *cobra.Command, name, verb string, order any) error {
	var now console.Subscription
	out := command.OutOrStdout()
	path := "/api/v1/subscriptions/" + url.PathEscape(name) + "/" + verb
	if done, err := o.ask(command.Context(), out, question{path: path, order: order}, &now); done || err != nil {
		return err
	}
	return printSubscriptions(out, now)
}

func printSubscriptions(out io.Writer, subscriptions ...console.Subscription) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "SUBSCRIPTION", "STATE", "BEHIND", "WAITING", "FAILING SINCE", "WHY")
	for _, s := range subscriptions {
		state, failing := "told", ""
		switch {
		case s.Removed:
			state = "not configured"
		case s.Disabled != "":
			state = "disabled: " + string(s.Disabled)
		}
		if !s.FailingSince.IsZero() {
			failing = ago(s.FailingSince)
		}
		row(table, s.Name, state, strconv.FormatUint(s.Behind, 10), strconv.Itoa(s.Waiting), failing, s.Error)
	}
	return table.Flush()
}
