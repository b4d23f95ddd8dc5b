package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// newDeadCommand returns `gateway dead` with all that are below it.
func newDeadCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{
		Use:   "dead",
		Short: "Show, replay and drop the events that could not be carried out",
		Long: "An event becomes a dead letter when it cannot be decoded, when its rule is gone, or when no plan can be made of it. A run that\n" +
			"failed is none: see `gateway runs ls --state failed` and `gateway replay --run`.",
	}
	o.flags(command)
	command.AddCommand(o.newDeadLs(), o.newDeadShow(), o.newDeadReplay(), o.newDeadDrop())
	return command
}

func (o *operator) newDeadLs() *cobra.Command {
	var limit int
	var before uint64
	command := &cobra.Command{
		Use:     "ls",
		Short:   "List dead letters, the newest first",
		Example: "  gateway dead ls --limit 50",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			if before > 0 {
				query.Set("before", strconv.FormatUint(before, 10))
			}
			var list console.DeadLetterList
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/dead?" + query.Encode()}, &list); done || err != nil {
				return err
			}
			return printDeadLetters(out, list)
		},
	}
	command.Flags().IntVar(&limit, "limit", 20, "how many at most")
	command.Flags().Uint64Var(&before, "before", 0, "only dead letters older than this one: the next page")
	return command
}

func (o *operator) newDeadShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show LETTER",
		Short:   "Show one dead letter with its event",
		Example: "  gateway dead show 7",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			var letter console.DeadLetter
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: deadPath(args[0])}, &letter); done || err != nil {
				return err
			}
			return printDeadLetter(out, letter)
		},
	}
}

func (o *operator) newDeadReplay() *cobra.Command {
	return &cobra.Command{
		Use:   "replay LETTER",
		Short: "Bring a dead letter's event to its rule again, as the rule is now",
		Long: "The event is routed by the configuration in force, for the tenant it was stored for and for its rule only. Within a day it is\n" +
			"replayed once, however often this is asked for. The dead letter stays until it is dropped.",
		Example: "  gateway dead replay 7 && gateway dead drop 7",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			var told bridge.Replayed
			out := command.OutOrStdout()
			asked := question{path: deadPath(args[0]) + "/replay", order: struct{}{}}
			if done, err := o.ask(command.Context(), out, asked, &told); done || err != nil {
				return err
			}
			return printReplayed(out, told)
		},
	}
}

func (o *operator) newDeadDrop() *cobra.Command {
	return &cobra.Command{
		Use:     "drop LETTER",
		Short:   "Remove a dead letter for good",
		Example: "  gateway dead drop 7",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			var letter console.DeadLetter
			out := command.OutOrStdout()
			asked := question{path: deadPath(args[0]), method: http.MethodDelete}
			if done, err := o.ask(command.Context(), out, asked, &letter); done || err != nil {
				return err
			}
			_, err := fmt.Fprintf(out, "dropped %d: %s of %s, %s\n", letter.Sequence, eventOf(letter), letter.Source, letter.Reason)
			return err
		},
	}
}

func deadPath(sequence string) string { return "/api/v1/dead/" + url.PathEscape(sequence) }

// eventOf names a dead letter's event.
func eventOf(letter console.DeadLetter) string {
	if letter.Event == nil {
		return "(not an event)"
	}
	return letter.Event.ID
}

func printDeadLetters(out io.Writer, list console.DeadLetterList) error {
	if len(list.Data) == 0 {
		_, err := fmt.Fprintln(out, "no dead letters")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "LETTER", "REASON", "TENANT", "SOURCE", "RULE", "EVENT", "SINCE")
	for _, letter := range list.Data {
		row(table, strconv.FormatUint(letter.Sequence, 10), string(letter.Reason), letter.Tenant, letter.Source, letter.Rule, eventOf(letter), ago(letter.Time))
	}
	return table.Flush()
}

func printDeadLetter(out io.Writer, letter console.DeadLetter) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "letter", strconv.FormatUint(letter.Sequence, 10))
	row(table, "since", letter.Time.Local().Format(time.DateTime)+"  "+ago(letter.Time))
	row(table, "reason", string(letter.Reason))
	row(table, "hint", letter.Hint)
	row(table, "hop", letter.Hop)
	row(table, "tenant", letter.Tenant)
	row(table, "source", letter.Source)
	row(table, "rule", letter.Rule)
	if letter.Attempts > 0 {
		row(table, "attempts", strconv.Itoa(letter.Attempts))
	}
	if letter.Event != nil {
		row(table, "event", letter.Event.ID)
		row(table, "type", letter.Event.Type)
		row(table, "from", letter.Event.Source)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", dataOf(letter))
	return err
}

// dataOf is what the sender sent, to read.
func dataOf(letter console.DeadLetter) string {
	if letter.Event == nil {
		return letter.Body
	}
	var indented bytes.Buffer
	if len(letter.Event.Data) > 0 && json.Indent(&indented, letter.Event.Data, "", "  ") == nil {
		return indented.String()
	}
	return letter.Event.DataBase64
}

func printReplayed(out io.Writer, told bridge.Replayed) error {
	text := "replayed as " + told.As + " for " + strings.Join(told.Rules, ", ")
	if told.Result == bridge.ReplayDuplicate {
		text = "was replayed before, as " + told.As
	}
	_, err := fmt.Fprintf(out, "%s %s\n", told.ID, text)
	return err
}
