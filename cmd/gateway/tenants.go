package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events/broker"
)

// newTenantsCommand returns `gateway tenants` with all that are below it.
func newTenantsCommand() *cobra.Command {
	command := &cobra.Command{Use: "tenants", Short: "Show tenants, and end what one has left that is not configured any more"}
	command.AddCommand(newTenantsLs(), newTenantsDropCommand())
	return command
}

func newTenantsDropCommand() *cobra.Command {
	var path string
	var asJSON bool
	command := &cobra.Command{
		Use:   "drop NAME",
		Short: "Cancel the open runs of a tenant that was taken out of the configuration",
		Long: "Works on the store of a gateway that is stopped. The tenant's open runs are told as canceled; nothing is asked of Qlik, where a\n" +
			"reload may go on. Events that were not taken up yet become dead letters, from which they can be replayed.",
		Example: "  gateway tenants drop acme --config gateway.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			cfg, err := configured(path, command.ErrOrStderr(), "nothing was done")
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			removed, err := dropTenant(ctx, cfg, args[0], newLog(command.ErrOrStderr(), zerolog.WarnLevel))
			if err != nil {
				return err
			}
			return printRemoved(command.OutOrStdout(), removed, asJSON)
		},
	}
	command.Flags().StringVarP(&path, "config", "c", "gateway.yaml", "configuration file of the stopped gateway, without the tenant")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// dropTenant ends what a tenant has left in the store of a configuration that has
// it no more.
func dropTenant(ctx context.Context, cfg *config, name string, log zerolog.Logger) (removed bridge.Removed, err error) {
	if _, configured := cfg.Tenants[name]; configured {
		return removed, fmt.Errorf("tenant %s is configured: take it out of the configuration first", name)
	}
	if err := refuseEmpty(cfg.Broker); err != nil {
		return removed, err
	}
	cfg.Broker.Listen, cfg.Broker.Users = "", nil // nobody is to come in meanwhile
	b, err := broker.Open(ctx, cfg.Broker, log)
	if err != nil {
		return removed, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopListener)
		defer cancel()
		err = errors.Join(err, b.Close(closing))
	}()
	kept, err := openStore(ctx, b)
	if err != nil {
		return removed, err
	}
	return bridge.Removal{
		Tenant: name, Journal: kept.journal, Publisher: kept.publisher, Dead: kept.dead, Ledger: kept.ledger, Leases: kept.leases,
	}.Run(ctx)
}

func printRemoved(out io.Writer, removed bridge.Removed, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(removed)
	}
	if len(removed.Runs) == 0 && removed.Events == 0 {
		_, err := fmt.Fprintf(out, "tenant %s has nothing left\n", removed.Tenant)
		return err
	}
	for _, run := range removed.Runs {
		if _, err := fmt.Fprintf(out, "canceled %s\n", run); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "tenant %s: %s canceled and told, %s put among the dead letters\n", removed.Tenant,
		count(len(removed.Runs), "run"), count(removed.Events, "event"))
	return err
}

// refuseLeftovers refuses to start when tenants have work left that are not
// configured any more: nobody would ever end it.
func (s *store) refuseLeftovers(ctx context.Context, cfg *config) error {
	left, err := bridge.Leftovers(ctx, s.ledger, s.journal, sorted(cfg.Tenants))
	if err != nil || len(left) == 0 {
		return err
	}
	var told []string
	for _, one := range left {
		told = append(told, fmt.Sprintf("tenant %s is not configured any more and has %s and %s waiting: configure it again, or end them with `gateway tenants drop %s --config FILE`",
			one.Tenant, count(one.Runs, "open run"), count(one.Events, "event"), one.Tenant))
	}
	return errors.New(strings.Join(told, "\n"))
}
