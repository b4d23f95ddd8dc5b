package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// newSimCommand returns `gateway sim`.
func newSimCommand() *cobra.Command {
	var address, dialect string
	var asJSON bool
	cfg := sim.Config{}
	command := &cobra.Command{
		Use:     "sim",
		Short:   "Run a simulated Qlik Cloud tenant to try things on",
		Example: "  gateway sim --addr 127.0.0.1:9999 --json",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			cfg.Dialect = qlik.Dialect(dialect)
			if cfg.Dialect != qlik.OpenAPI && cfg.Dialect != qlik.Cloud {
				return misused("--dialect %q: expected openapi or cloud", dialect)
			}
			listener, err := listen("Qlik's clients", "--addr", address)
			if err != nil {
				return err
			}
			tenant := sim.New(cfg)
			if err := introduce(command.OutOrStdout(), "http://"+listener.Addr().String(), tenant, asJSON); err != nil {
				return err
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			return sim.Serve(ctx, listener, tenant)
		},
	}
	flags := command.Flags()
	flags.StringVar(&address, "addr", "127.0.0.1:0", "address to listen on; port 0 picks a free one")
	flags.StringVar(&dialect, "dialect", string(qlik.OpenAPI), "openapi (as the document) or cloud (as the live service)")
	flags.DurationVar(&cfg.ReloadTime, "reload-time", 2*time.Second, "how long a reload takes")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "of the ids; the same seed makes the same tenant")
	flags.StringVar(&cfg.APIKey, "api-key", "", "API key of the tenant's first user; default: made from the seed")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// An oauthClient is how a program may prove itself to a simulated tenant.
type oauthClient struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// introduce prints where a simulated tenant is and what it has.
func introduce(out io.Writer, url string, tenant *sim.Tenant, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(struct {
			URL     string       `json:"url"`
			APIKey  string       `json:"api_key"`
			OAuth   oauthClient  `json:"oauth"`
			Samples []sim.Sample `json:"samples"`
		}{url, tenant.APIKey(), oauthClient{tenant.OAuth().ClientID, tenant.OAuth().ClientSecret}, tenant.Samples()})
	}
	text := fmt.Sprintf("url      %s\napi key  %s\noauth    %s  %s\n", url, tenant.APIKey(), tenant.OAuth().ClientID, tenant.OAuth().ClientSecret)
	for _, sample := range tenant.Samples() {
		text += fmt.Sprintf("%-8s %s  %s\n", sample.Kind, sample.ID, sample.Name)
	}
	text += fmt.Sprintf("control  %s/_sim/calls, /_sim/state, /_sim/faults, /_sim/advance\n", url)
	_, err := fmt.Fprint(out, text)
	return err
}
