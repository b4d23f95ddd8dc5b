// Command gateway turns webhooks and NATS messages into Qlik Cloud reloads,
// copies and publishes, and tells how they ended.
package main

//go:generate go test . -run "EveryMistake|SendersPage|ConfigurationDocument" -update

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	_ "time/tzdata" // time zones in rules work on machines that have none
)

// Exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// An exitCode is an error that was already said; only the code is left.
type exitCode int

// Error names the code.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// A usageError is a mistake in the command line that the command found itself, such as a
// time that is none. It ends with exitUsage, as those do that cobra finds.
type usageError struct{ error }

// misused returns a usageError.
func misused(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute runs one command line and returns the exit code of the process.
func execute(args []string, out, errOut io.Writer) int {
	out, errOut = screen{out}, screen{errOut}
	started := false
	root := newRootCommand(&started)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	asked, err := root, unknown(root, args)
	if err == nil {
		asked, err = root.ExecuteC()
	}
	var code exitCode
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	}
	_, _ = fmt.Fprintln(errOut, "gateway:", err)
	if _, wrong := errors.AsType[usageError](err); wrong || !started {
		switch {
		case asked.Runnable():
			_, _ = fmt.Fprintf(errOut, "usage: %s; --help says more\n", asked.UseLine())
		case !strings.Contains(err.Error(), "--help"):
			_, _ = fmt.Fprintf(errOut, "%s --help lists the commands\n", asked.CommandPath())
		}
		return exitUsage
	}
	return exitFailed
}
