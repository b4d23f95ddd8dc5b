package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands returns every command that can be run, by how it is called.
func commands(t *testing.T) map[string]*cobra.Command {
	t.Helper()
	found, started := map[string]*cobra.Command{}, false
	var walk func(command *cobra.Command)
	walk = func(command *cobra.Command) {
		if command.Runnable() && !command.Hidden {
			found[command.CommandPath()] = command
		}
		for _, below := range command.Commands() {
			walk(below)
		}
	}
	walk(newRootCommand(&started))
	if len(found) < 30 {
		t.Fatalf("found %d commands", len(found))
	}
	return found
}

// said runs a command line and returns all that it says.
func said(args ...string) (int, string) {
	var out strings.Builder
	code := execute(args, &out, &out)
	return code, out.String()
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	t.Parallel()
	for path, command := range commands(t) {
		if command.Short == "" || !strings.Contains(command.Example, path) {
			t.Errorf("%s: short %q, example %q", path, command.Short, command.Example)
		}
		code, out := said(append(strings.Fields(path)[1:], "--help")...)
		if code != exitDone || !strings.Contains(out, "Examples:") || !strings.Contains(out, "Usage:") {
			t.Errorf("%s --help: %d %s", path, code, out)
		}
		if !strings.HasPrefix(out, command.Short+"\n") || strings.Count(out, command.Short) > 1 {
			t.Errorf("%s --help does not begin with what it does:\n%s", path, out)
		}
	}
}

// All but those whose answer is a stream of bytes or a log, and the measurement, which
// writes its report where --out says.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	t.Parallel()
	silent := []string{"gateway run", "gateway sim", "gateway backup", "gateway restore", "gateway ready", "gateway bench"}
	for path, command := range commands(t) {
		if slices.Contains(silent, path) {
			continue
		}
		if command.Flag("json") == nil {
			t.Errorf("%s has no --json", path)
		}
	}
}

func TestShellsCanComplete(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out := said("completion", shell); code != exitDone || len(out) < 500 {
			t.Errorf("completion %s: %d %s", shell, code, out)
		}
	}
	if code, out := said("__complete", "runs", ""); code != exitDone || !strings.Contains(out, "watch") {
		t.Errorf("completion of runs: %d %s", code, out)
	}
}
