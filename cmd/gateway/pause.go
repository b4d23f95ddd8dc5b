package main

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// newPauseCommand returns `gateway pause` with all that are below it.
func newPauseCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{
		Use:   "pause",
		Short: "Let a tenant, app or rule begin no work for a while",
		Long: "What is paused begins no step: triggers gather, a reload under way is watched to its end, and deadlines wait.\n" +
			"A pause survives restarts and ends by `gateway resume` or at its time.",
	}
	o.flags(command)
	command.AddCommand(o.newPauseTenant(), o.newPauseApp(), o.newPauseRule(), o.newPauseLs())
	return command
}

// newResumeCommand returns `gateway resume` with all that are below it.
func newResumeCommand() *cobra.Command {
	var o operator
	command := &cobra.Command{Use: "resume", Short: "End a pause: what waited goes on"}
	o.flags(command)
	command.AddCommand(o.newResumeOf(bridge.PauseTenant), o.newResumeOf(bridge.PauseApp), o.newResumeOf(bridge.PauseRule))
	return command
}

// A spell is how long and why something is paused.
type spell struct {
	reason string
	lasts  time.Duration
	until  string
}

func (s *spell) flags(command *cobra.Command) {
	command.Flags().StringVar(&s.reason, "reason", "", "why, for everybody who sees what waits")
	command.Flags().DurationVar(&s.lasts, "for", 0, "how long, such as 2h; default: until it is resumed")
	command.Flags().StringVar(&s.until, "until", "", "when it ends, such as 2026-11-24T06:00:00Z; instead of --for")
}

// end returns when the spell ends; zero is never.
func (s *spell) end() (time.Time, error) {
	switch {
	case s.lasts < 0 || s.lasts > 0 && s.until != "":
		return time.Time{}, misused("give one of --for, a positive duration, and --until")
	case s.lasts > 0:
		return time.Now().Add(s.lasts), nil
	case s.until == "":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, s.until)
	if err != nil {
		return at, misused("--until %q: expected a time such as 2026-11-24T06:00:00Z", s.until)
	}
	return at, nil
}

func (o *operator) newPauseTenant() *cobra.Command {
	var s spell
	command := &cobra.Command{
		Use: "tenant [TENANT]", Short: "Pause all work of a tenant", Example: `  gateway pause tenant acme --for 2h --reason "Qlik is being moved"`, Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.pause(command, s, console.PauseOrder{Tenant: optional(args)})
		},
	}
	s.flags(command)
	return command
}

func (o *operator) newPauseApp() *cobra.Command {
	var s spell
	var tenant string
	command := &cobra.Command{
		Use: "app APP", Short: "Pause all work that touches an app, by its name or id", Example: `  gateway pause app sales --until 2026-12-01T06:00:00Z --reason "month-end close"`, Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.pause(command, s, console.PauseOrder{Tenant: tenant, App: args[0]})
		},
	}
	command.Flags().StringVar(&tenant, "tenant", "", "its tenant, when there are several")
	s.flags(command)
	return command
}

func (o *operator) newPauseRule() *cobra.Command {
	var s spell
	command := &cobra.Command{
		Use: "rule RULE", Short: "Pause a rule; it still takes triggers, which gather", Example: `  gateway pause rule refresh-sales --reason "wrong numbers upstream"`, Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return o.pause(command, s, console.PauseOrder{Rule: args[0]})
		},
	}
	s.flags(command)
	return command
}

// pause asks for a pause and prints it.
func (o *operator) pause(command *cobra.Command, s spell, order console.PauseOrder) error {
	var err error
	if order.Until, err = s.end(); err != nil {
		return err
	}
	order.Reason = s.reason
	var made console.Pause
	out := command.OutOrStdout()
	if done, err := o.ask(command.Context(), out, question{path: "/api/v1/pauses", order: order}, &made); done || err != nil {
		return err
	}
	return printPauses(out, []console.Pause{made})
}

func (o *operator) newPauseLs() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List what is paused, since when and why", Example: "  gateway pause ls", Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			var list console.List[console.Pause]
			out := command.OutOrStdout()
			if done, err := o.ask(command.Context(), out, question{path: "/api/v1/pauses"}, &list); done || err != nil {
				return err
			}
			return printPauses(out, list.Data)
		},
	}
}

func (o *operator) newResumeOf(of bridge.PauseKind) *cobra.Command {
	var tenant string
	words := map[bridge.PauseKind]struct{ use, short, example string }{
		bridge.PauseTenant: {"tenant [TENANT]", "End the pause of a tenant", "acme"},
		bridge.PauseApp:    {"app APP", "End the pause of an app, by its name or id", "sales"},
		bridge.PauseRule:   {"rule RULE", "End the pause of a rule", "refresh-sales"},
	}[of]
	arguments := cobra.ExactArgs(1)
	if of == bridge.PauseTenant {
		arguments = cobra.MaximumNArgs(1)
	}
	command := &cobra.Command{
		Use: words.use, Short: words.short, Example: "  gateway resume " + string(of) + " " + words.example, Args: arguments,
		RunE: func(command *cobra.Command, args []string) error {
			if of == bridge.PauseTenant {
				return o.resume(command, func(p console.Pause) bool { return p.Of == of && (len(args) == 0 || p.Tenant == args[0]) })
			}
			return o.resume(command, func(p console.Pause) bool {
				return p.Of == of && (p.Name == args[0] || p.App == args[0] || of == bridge.PauseApp && strings.EqualFold(p.Name, args[0])) && (tenant == "" || p.Tenant == tenant)
			})
		},
	}
	if of != bridge.PauseTenant {
		command.Flags().StringVar(&tenant, "tenant", "", "its tenant, when there are several")
	}
	return command
}

// resume ends the one pause that is meant.
func (o *operator) resume(command *cobra.Command, meant func(console.Pause) bool) error {
	var list console.List[console.Pause]
	if err := o.learn(command.Context(), question{path: "/api/v1/pauses"}, &list); err != nil {
		return err
	}
	var ids []string
	for _, p := range list.Data {
		if meant(p) {
			ids = append(ids, p.ID)
		}
	}
	switch {
	case len(ids) == 0:
		return errors.New("that is not paused; gateway pause ls lists what is")
	case len(ids) > 1 && command.Flag("tenant") == nil:
		return errors.New("several tenants are paused: name one of them")
	case len(ids) > 1:
		return errors.New("it is paused for several tenants: name one of them with --tenant")
	}
	return o.endPause(command, ids[0])
}

// endPause ends a pause and prints what it was.
func (o *operator) endPause(command *cobra.Command, id string) error {
	var ended console.Pause
	out := command.OutOrStdout()
	asked := question{path: "/api/v1/pauses/" + url.PathEscape(id), method: http.MethodDelete}
	if done, err := o.ask(command.Context(), out, asked, &ended); done || err != nil {
		return err
	}
	_, err := io.WriteString(out, "resumed: "+string(ended.Of)+" "+cmp.Or(ended.App, ended.Name, ended.Tenant)+"\n")
	return err
}

func printPauses(out io.Writer, list []console.Pause) error {
	if len(list) == 0 {
		_, err := io.WriteString(out, "nothing is paused\n")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row(table, "TENANT", "WHAT", "NAME", "SINCE", "UNTIL", "BY", "REASON")
	for _, p := range list {
		until := "it is resumed"
		if !p.Until.IsZero() {
			until = p.Until.Local().Format(time.DateTime)
		}
		row(table, p.Tenant, string(p.Of), cmp.Or(p.App, p.Name), ago(p.Since), until, p.By, p.Reason)
	}
	return table.Flush()
}

// optional returns the argument that may be left out.
func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
