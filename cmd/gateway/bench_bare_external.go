//go:build external

package main

import (
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/events/broker"
)

// newBareCommand returns what stands for the bare NATS server in a build without one.
func newBareCommand() *cobra.Command {
	return &cobra.Command{Use: "bare", Hidden: true, RunE: func(*cobra.Command, []string) error { return broker.ErrNotEmbedded }}
}
