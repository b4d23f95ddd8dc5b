package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRootCommand returns the command `gateway` with all that are below it.
// started is set once the command line was understood.
func newRootCommand(started *bool) *cobra.Command {
	root := &cobra.Command{
		Use:           "gateway",
		Short:         "Turns events into Qlik Cloud reloads, and tells how they ended",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(command *cobra.Command, _ []string) error {
			err := command.ValidateRequiredFlags() // cobra itself looks at flags after this
			if err == nil {
				err = command.ValidateFlagGroups()
			}
			*started = err == nil
			return err
		},
	}
	root.AddCommand(
		newRunCommand(), newDemoCommand(), newSimCommand(), newCheckCommand(), newExplainCommand(), newTestCommand(), newForecastCommand(), newRunsCommand(), newVersionCommand(),
		newPresetsCommand(), newSendCommand(), newBenchCommand(),
		newDeadCommand(), newReplayCommand(), newTenantsCommand(), newSubscriptionsCommand(), newEventsCommand(), newRulesCommand(), newSourcesCommand(),
		newPauseCommand(), newResumeCommand(), newDoctorCommand(), newReadyCommand(), newBreakerCommand(), newWebhooksCommand(),
		newBackupCommand(), newRestoreCommand(),
	)
	inherited := root.HelpFunc()
	root.SetHelpFunc(func(command *cobra.Command, args []string) {
		if command.Long != "" { // cobra shows it instead, and it goes on where the short one ends
			_, _ = fmt.Fprintf(command.OutOrStdout(), "%s\n\n", command.Short)
		}
		inherited(command, args)
	})
	return root
}

// unknown refuses a word that is no command below a command which only groups others:
// cobra itself would show its help and succeed.
func unknown(root *cobra.Command, args []string) error {
	found, rest, err := root.Find(args)
	if err != nil || found == root || found.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil
	}
	meant := ""
	found.SuggestionsMinimumDistance = 2
	if similar := found.SuggestionsFor(rest[0]); len(similar) > 0 {
		meant = fmt.Sprintf(" (did you mean %q?)", similar[0])
	}
	return fmt.Errorf("unknown command %q for %q%s; --help lists them", rest[0], found.CommandPath(), meant)
}

// noArguments refuses arguments of a command that takes none, and says where the one
// that people give it belongs.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if command.Flag("config") != nil {
		hint = "; --config names a configuration"
	}
	return fmt.Errorf("%s takes no arguments, and %q is one%s", command.CommandPath(), args[0], hint)
}
