//go:build !external

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/spf13/cobra"
)

// newBareCommand returns the hidden command that is nothing but a NATS server on a
// gateway's store.
func newBareCommand() *cobra.Command {
	var data string
	command := &cobra.Command{
		Use: "bare", Hidden: true, Args: noArguments, Short: "A NATS server alone, for `gateway bench`",
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			options := &server.Options{}
			accounts, err := filepath.Glob(filepath.Join(data, "jetstream", "[A-Z]*"))
			if err != nil {
				return fmt.Errorf("look into %s: %w", data, err)
			}
			text := "accounts {"
			for _, account := range accounts {
				text += " " + filepath.Base(account) + " { jetstream: enabled }"
			}
			if err := options.ProcessConfigString(text + " }"); err != nil {
				return fmt.Errorf("describe accounts: %w", err)
			}
			options.JetStream, options.StoreDir, options.SyncAlways, options.DontListen, options.NoSigs = true, data, true, true, true
			bare, err := server.NewServer(options)
			if err != nil {
				return fmt.Errorf("make server: %w", err)
			}
			bare.Start()
			defer bare.Shutdown()
			if !bare.ReadyForConnections(startPatience) {
				return fmt.Errorf("the server on %s is not ready in time", data)
			}
			if err := json.NewEncoder(command.OutOrStdout()).Encode(map[string]int{"messages": messagesOf(bare)}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		},
	}
	command.Flags().StringVar(&data, "data", "", "folder of its store")
	return command
}

// messagesOf returns how many messages a server's streams hold.
func messagesOf(bare *server.Server) int {
	held, err := bare.Jsz(&server.JSzOptions{})
	if err != nil {
		return 0
	}
	return int(held.Messages) //nolint:gosec // fits
}
