package main

import (
	"bytes"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/qlik"
)

// newLog returns `gateway runs log`: what Qlik wrote while it reloaded.
func (o *operator) newLog() *cobra.Command {
	var step string
	command := &cobra.Command{
		Use:     "log RUN",
		Short:   "Show the end of a reload's log, as Qlik has it now",
		Example: "  gateway runs log 0t4k3x2-00000007-refresh-sales-1a2b3c",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			path := "/api/v1/runs/" + url.PathEscape(args[0]) + "/log"
			if step != "" {
				path += "?" + url.Values{"step": {step}}.Encode()
			}
			response, err := o.open(command.Context(), question{path: path})
			if err != nil {
				return err
			}
			defer response.Body.Close() //nolint:errcheck // nothing was written
			text, err := io.ReadAll(response.Body)
			if err != nil {
				return fmt.Errorf("read the log: %w", err)
			}
			if o.asJSON {
				return printJSON(command.OutOrStdout(), map[string]string{"log": string(text)})
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s\n", bytes.TrimRight(text, "\n"))
			return err
		},
	}
	command.Flags().StringVar(&step, "step", "", "name of the step (default: the last that started a reload)")
	return command
}

// logHint is where to read on when Qlik's reload of a run ended badly, "" if none did.
func logHint(run console.Run) string {
	for _, step := range run.Steps {
		if status := qlik.ReloadStatus(step.Status); status == qlik.ReloadFailed || status == qlik.ReloadExceededLimit {
			return "what the load script said: gateway runs log " + run.ID
		}
	}
	return ""
}
