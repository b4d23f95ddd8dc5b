package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

// A registrar looks after the webhook at Qlik that feeds one source.
type registrar struct {
	path   string // of the configuration
	name   string // of the source; "" = the only one of its preset
	url    string // of the gateway for senders; "" = as registered
	asJSON bool

	source  ingress.Source
	sources *ingress.Sources
	client  *qlik.Client
	live    bool // the tenant is Qlik's own service, and not a simulated one
}

// newWebhooksCommand returns `gateway webhooks` with all that are below it.
func newWebhooksCommand() *cobra.Command {
	var r registrar
	command := &cobra.Command{
		Use:   "webhooks",
		Short: "Look after the webhooks at Qlik that tell the gateway of reloads",
		Long: "Works with the tenant's credentials and the source's secret of the configuration, on tenants of the dialect cloud; the user has to be a\n" +
			"tenant administrator. Exit codes: 0 as it should be, 1 failed, 2 usage, 3 something has to be repaired.",
	}
	flags := command.PersistentFlags()
	flags.StringVarP(&r.path, "config", "c", "gateway.yaml", "configuration file")
	flags.StringVar(&r.name, "source", "", "source with the preset qlik-cloud; needed when there are several")
	flags.BoolVar(&r.asJSON, "json", false, "print JSON")
	command.AddCommand(r.newLs(), r.newRegister(), r.newCheck(), r.newRepair())
	return command
}

// run makes a command do its work once everything it needs is there.
func (r *registrar) run(do func(ctx context.Context, out io.Writer) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, _ []string) error {
		cfg, problems := loadConfig(r.path)
		if cfg == nil {
			return sayProblems(r.path, cfg, problems, command.ErrOrStderr(), "nothing was done")
		}
		if err := r.open(cfg); err != nil {
			return err
		}
		ctx, stop := untilSignal(command.Context())
		defer stop()
		return do(ctx, command.OutOrStdout())
	}
}

// open finds the source and its tenant.
func (r *registrar) open(cfg *config) error {
	var names []string
	for _, source := range cfg.FromQlik {
		if names = append(names, source.Name); r.name == "" || r.name == source.Name {
			r.source = source
		}
	}
	switch {
	case len(names) == 0:
		return errors.New("no source has the preset qlik-cloud; add one, as in `qlik: {preset: qlik-cloud, secret: env:QLIK_HOOK}`")
	case r.name == "" && len(names) > 1:
		return misused("--source is missing: one of %s", strings.Join(names, ", "))
	case r.source.Name == "":
		return misused("--source %q: expected one of %s", r.name, strings.Join(names, ", "))
	}
	tenant := cfg.Tenants[r.source.Tenant].Qlik
	client, err := qlik.New(tenant)
	if err == nil && client.Dialect() != qlik.Cloud {
		err = errors.New("webhooks need the dialect cloud")
	}
	if err != nil {
		return fmt.Errorf("tenant %s: %w", r.source.Tenant, err)
	}
	r.client, r.sources, r.live = client, cfg.Sources, qlik.DialectOf(tenant.URL) == qlik.Cloud
	return nil
}

// title is the name of the webhook at Qlik, by which it is found again.
func (r *registrar) title() string { return "Qlik Gateway: " + r.source.Name }

// address is where Qlik is to send.
func (r *registrar) address() (string, error) {
	path := "/hooks/" + r.source.Name
	base := strings.TrimSuffix(strings.TrimSuffix(r.url, path), "/")
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "":
		return "", misused("--url %q: expected the gateway's address for senders, such as %s", r.url, exampleAddress)
	case r.live && (u.Scheme != "https" || strings.Trim(u.Hostname(), "0123456789.:") == ""):
		return "", misused("--url %q: Qlik sends to https and a name only, and follows no redirects", r.url)
	}
	return base + path, nil
}

// find returns the source's webhook, nil when there is none.
func (r *registrar) find(ctx context.Context) (*qlik.Webhook, error) {
	for webhook, err := range r.client.Webhooks(ctx) {
		if err != nil {
			return nil, err
		}
		if webhook.Name == r.title() {
			return &webhook, nil
		}
	}
	return nil, nil
}

// print prints a value as JSON, or as text for people.
func (r *registrar) print(out io.Writer, value any, text func(io.Writer) error) error {
	if r.asJSON {
		return json.NewEncoder(out).Encode(value)
	}
	return text(out)
}

func (r *registrar) newLs() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the webhooks of the source's tenant", Example: "  gateway webhooks ls --config gateway.yaml", Args: noArguments,
		RunE: r.run(func(ctx context.Context, out io.Writer) error {
			list := []qlik.Webhook{}
			for webhook, err := range r.client.Webhooks(ctx) {
				if err != nil {
					return err
				}
				list = append(list, webhook)
			}
			return r.print(out, list, func(out io.Writer) error {
				table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				row(table, "ID", "NAME", "URL", "LEVEL", "STATE", "EVENTS")
				for _, w := range list {
					row(table, w.ID, w.Name, w.URL, w.Level, stateOf(w), strings.Join(w.EventTypes, " "))
				}
				return table.Flush()
			})
		}),
	}
}

func stateOf(w qlik.Webhook) string {
	switch {
	case w.Enabled:
		return "enabled"
	case w.DisabledReason != "":
		return "disabled: " + w.DisabledReason
	}
	return "disabled"
}

func (r *registrar) newRegister() *cobra.Command {
	command := &cobra.Command{
		Use:   "register --url URL",
		Short: "Register the gateway at Qlik, or put right what is registered: address, secret, events, enabled",
		Example: "  gateway webhooks register --url https://gateway.example.com\n" +
			"  gateway webhooks register --url https://gateway.example.com --source qlik-acme --json",
		Args: noArguments,
		RunE: r.run(func(ctx context.Context, out io.Writer) error {
			done, webhook, err := r.register(ctx)
			if err != nil {
				return err
			}
			return r.print(out, map[string]any{"done": done, "webhook": webhook}, func(out io.Writer) error {
				_, err := fmt.Fprintf(out, "%s %s: Qlik sends to %s\n", done, webhook.ID, webhook.URL)
				return err
			})
		}),
	}
	command.Flags().StringVar(&r.url, "url", "", "address of the gateway for senders, as the Internet sees it")
	_ = command.MarkFlagRequired("url") // it exists
	return command
}

// register makes the webhook, or puts all of it right.
func (r *registrar) register(ctx context.Context) (done string, webhook qlik.Webhook, err error) {
	address, err := r.address()
	if err != nil {
		return "", webhook, err
	}
	if len(r.source.Secrets) == 0 || len(r.source.Secrets[0]) < 32 || len(r.source.Secrets[0]) > 64 {
		return "", webhook, fmt.Errorf("source %s: Qlik wants a secret of 32 to 64 characters", r.source.Name)
	}
	secret, events := r.source.Secrets[0], []string{ingress.TypeReloadFinished}
	known, err := r.find(ctx)
	if err != nil {
		return "", webhook, err
	}
	if known == nil {
		webhook, err = r.client.CreateWebhook(ctx, qlik.WebhookCreate{
			Name: r.title(), Description: "Tells the gateway which reloads are over.", URL: address, EventTypes: events,
			Level: "tenant", Enabled: true, Secret: secret,
		})
		return "registered", webhook, err
	}
	webhook = *known
	webhook.URL, webhook.EventTypes, webhook.Enabled, webhook.DisabledReason = address, with(known.EventTypes, events[0]), true, ""
	return "changed", webhook, r.client.PatchWebhook(ctx, webhook.ID,
		qlik.WebhookPatch{Path: "/url", Value: address}, qlik.WebhookPatch{Path: "/secret", Value: secret},
		qlik.WebhookPatch{Path: "/eventTypes", Value: webhook.EventTypes}, qlik.WebhookPatch{Path: "/enabled", Value: true})
}
