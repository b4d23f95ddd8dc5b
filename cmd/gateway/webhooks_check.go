package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

// with returns a list with an item in it.
func with(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(slices.Clone(list), item)
}

// An inspection is what `gateway webhooks check` finds.
type inspection struct {
	Webhook   *qlik.Webhook `json:"webhook"`
	Problems  []string      `json:"problems"`
	Delivered int           `json:"delivered"` // within the time looked at
	Failed    int           `json:"failed"`    // attempts, also of events that arrived later
	Newest    time.Time     `json:"newest,omitzero"`
}

func (r *registrar) newCheck() *cobra.Command {
	var since time.Duration
	command := &cobra.Command{
		Use: "check", Short: "Say what is wrong with the registration at Qlik; exit code 3 when something is", Args: noArguments,
		Example: "  gateway webhooks check\n  gateway webhooks check --url https://gateway.example.com --since 1h --json",
		RunE: r.run(func(ctx context.Context, out io.Writer) error {
			found, err := r.inspect(ctx, time.Now().Add(-since))
			if err != nil {
				return err
			}
			err = r.print(out, found, func(out io.Writer) error {
				for _, problem := range found.Problems {
					if _, err := fmt.Fprintln(out, problem); err != nil {
						return err
					}
				}
				_, err := fmt.Fprintf(out, "%s delivered, %s failed within %s\n", count(found.Delivered, "event"), count(found.Failed, "attempt"), since)
				return err
			})
			if err == nil && len(found.Problems) > 0 {
				return exitCode(exitSurprise)
			}
			return err
		}),
	}
	command.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back to look at deliveries; Qlik keeps seven days")
	command.Flags().StringVar(&r.url, "url", "", "address of the gateway for senders; default: as registered")
	return command
}

// inspect looks at the registration and at what was delivered since a time.
func (r *registrar) inspect(ctx context.Context, since time.Time) (inspection, error) {
	found := inspection{Problems: []string{}}
	report := func(format string, args ...any) {
		found.Problems = append(found.Problems, fmt.Sprintf(format, args...))
	}
	webhook, err := r.find(ctx)
	if err != nil {
		return found, err
	}
	if found.Webhook = webhook; webhook == nil {
		report("Qlik has no webhook named %q: gateway webhooks register --url URL", r.title())
		return found, nil
	}
	if !webhook.Enabled {
		report("the webhook is %s: gateway webhooks repair", stateOf(*webhook))
	}
	if !slices.Contains(webhook.EventTypes, ingress.TypeReloadFinished) {
		report("the webhook does not ask for %s: gateway webhooks repair", ingress.TypeReloadFinished)
	}
	if webhook.Level != "tenant" {
		report("the webhook is of level %s and misses what others start: delete it and register again", webhook.Level)
	}
	if webhook.Filter != "" {
		report("the webhook has a filter and misses what it does not let through: delete it and register again")
	}
	if address, err := r.address(); r.url != "" && err != nil {
		return found, err
	} else if r.url != "" && webhook.URL != address {
		report("Qlik sends to %s: gateway webhooks register --url %s", webhook.URL, r.url)
	}
	log, err := r.readLog(ctx, webhook.ID, since)
	if err != nil {
		return found, err
	}
	found.Delivered, found.Failed, found.Newest = log.delivered, log.failed, log.newest
	if n := len(log.missed); n > 0 {
		report("%s of Qlik's did not arrive, the newest for %q: gateway webhooks repair", count(n, "event"), log.missed[0].StatusMessage)
	}
	return found, nil
}
