package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// readyEvery is how long `gateway ready --wait` lets go by between two questions.
const readyEvery = 200 * time.Millisecond

// newReadyCommand returns `gateway ready`.
func newReadyCommand() *cobra.Command {
	var server string
	var wait time.Duration
	command := &cobra.Command{
		Use:     "ready",
		Short:   "Say whether a gateway takes events now",
		Long:    "Asks what a load balancer would, and needs no token. Exit code 1 when it takes none, with the reason. For containers that have no shell.",
		Example: "  gateway ready\n  gateway ready --server http://gateway-console:8081 --wait 1m",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			if err := ready(ctx, server, wait); err != nil {
				return err
			}
			_, err := fmt.Fprintln(command.OutOrStdout(), "it takes events")
			return err
		},
	}
	command.Flags().StringVar(&server, "server", "http://"+defaultConsoleAddr, "address of the gateway's console")
	command.Flags().DurationVar(&wait, "wait", 0, "ask again for so long until it does")
	return command
}

// ready returns nil once the gateway takes events, or after a while why it does not.
func ready(ctx context.Context, server string, wait time.Duration) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for late := time.After(wait); ; {
		err := askReady(ctx, server)
		if err == nil || wait == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-late:
			return err
		case <-tick.C:
		}
	}
}

func askReady(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	request, err := question{path: "/readyz"}.request(ctx, server)
	if err != nil {
		return misused("--server: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask the gateway (is it running, and is --server its console.addr?): %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // says why not
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("it takes no events: %s %s", response.Status, text)
	}
	return nil
}
