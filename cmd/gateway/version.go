package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newVersionCommand returns `gateway version`.
func newVersionCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  gateway version --json",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			built := currentBuild()
			if asJSON {
				return json.NewEncoder(command.OutOrStdout()).Encode(built)
			}
			_, err := fmt.Fprintf(command.OutOrStdout(), "gateway %s (%s, %s)\n", built.Version, built.Revision, built.Go)
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// A build says what this program was built of.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the repository; "unknown" outside of one
	Go       string `json:"go"`
}

// currentBuild says what this program was built of.
func currentBuild() build { return readBuild(debug.ReadBuildInfo()) }

// readBuild reads what the Go tool wrote into the program.
func readBuild(info *debug.BuildInfo, ok bool) build {
	if !ok {
		return build{Version: "unknown", Revision: "unknown", Go: "unknown"}
	}
	b := build{Version: info.Main.Version, Revision: "unknown", Go: info.GoVersion}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			b.Revision = setting.Value
		}
	}
	return b
}
