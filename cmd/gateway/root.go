package main

import (
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
		PersistentPreRun: func(*cobra.Command, []string) {
			*started = true
		},
	}
	root.AddCommand(
		newRunCommand(), newDemoCommand(), newSimCommand(), newCheckCommand(), newExplainCommand(), newTestCommand(), newForecastCommand(), newRunsCommand(), newVersionCommand(),
		newPresetsCommand(), newSendCommand(), newBenchCommand(),
		newDeadCommand(), newReplayCommand(), newTenantsCommand(), newSubscriptionsCommand(), newEventsCommand(), newRulesCommand(), newSourcesCommand(),
		newPauseCommand(), newResumeCommand(), newDoctorCommand(), newBreakerCommand(), newWebhooksCommand(),
		newBackupCommand(), newRestoreCommand(),
	)
	return root
}
