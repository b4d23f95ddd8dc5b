package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// newCheckCommand returns `gateway check`: it reads a configuration as `run`
// would, says everything that is wrong with it, and starts nothing.
func newCheckCommand() *cobra.Command {
	var path string
	var asJSON bool
	command := &cobra.Command{
		Use:     "check",
		Short:   "Check a configuration file: every mistake at once, with its line",
		Example: "  gateway check --config gateway.yaml",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return check(command.OutOrStdout(), path, asJSON)
		},
	}
	command.Flags().StringVarP(&path, "config", "c", "gateway.yaml", "configuration file")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// A checked is what `gateway check --json` prints.
type checked struct {
	File     string    `json:"file"`
	OK       bool      `json:"ok"`
	Problems []problem `json:"problems"`
}

// check prints what is wrong with the file at path, and fails if anything is.
func check(out io.Writer, path string, asJSON bool) error {
	c, problems := loadConfig(path)
	var err error
	if asJSON {
		err = json.NewEncoder(out).Encode(checked{File: path, OK: c != nil, Problems: append([]problem{}, problems...)})
	} else {
		err = printChecked(out, path, c, problems)
	}
	if err == nil && c == nil {
		return exitCode(exitFailed)
	}
	return err
}

func printChecked(out io.Writer, path string, c *config, problems []problem) error {
	for _, p := range problems {
		if _, err := fmt.Fprintln(out, p); err != nil {
			return err
		}
	}
	if c == nil {
		_, err := fmt.Fprintf(out, "%s: %s\n", path, count(mistakes(problems), "mistake"))
		return err
	}
	_, err := fmt.Fprintf(out, "%s: ok: %s\n", path, c.extent())
	return err
}

// extent says how much a configuration is about.
func (c *config) extent() string {
	return count(len(c.Tenants), "tenant") + ", " + count(len(c.SourceNames), "source") + ", " + count(len(c.RuleNames), "rule")
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
