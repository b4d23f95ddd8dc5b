package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

// operators reads what the console shows of the configuration, and who may look.
func (r *reader) operators(c *config, sources []ingress.Source) {
	names := map[string]bool{}
	for i, token := range r.written.Console.Tokens {
		path := []string{"console", "tokens", strconv.Itoa(i)}
		if names[token.Name] {
			r.report("two tokens have this name; the log could not tell who asked", child(path, "name")...)
		}
		names[token.Name] = true
		secret := r.secret(token.Secret, child(path, "secret")...)
		if secret != unresolved && slices.ContainsFunc(c.Tokens, func(other console.Token) bool { return other.Secret == secret }) {
			r.report("another token has this secret; who asks, and what they may, could not be told", child(path, "secret")...)
		}
		c.Tokens = append(c.Tokens, console.Token{Name: token.Name, Role: console.Role(token.Role), Secret: secret})
	}
	c.Definitions, c.Apps, c.PublishTo = r.written.Rules, map[string]string{}, map[string]rules.PublishTo{}
	for name, app := range r.written.Apps {
		c.Apps[strings.ToLower(app.ID)] = name // as runs have it
		c.PublishTo[name] = rules.PublishTo(app.Publish)
	}
	for _, source := range sources {
		c.Shown = append(c.Shown, shownSource(source))
		if preset, _ := ingress.LookupPreset(source.Preset); preset.Reloads {
			c.FromQlik = append(c.FromQlik, source)
		}
	}
}

// shownSource says how to send to a source, without its secrets.
func shownSource(source ingress.Source) console.Source {
	shown := console.Source{Name: source.Name, Preset: source.Preset, Path: "/hooks/" + source.Name, Proof: plain(source.Verify)}
	if preset, known := ingress.LookupPreset(source.Preset); known && shown.Proof == "" {
		shown.Proof = plain(preset.Verify)
	}
	if source.Name == ingress.EventsSource {
		shown.Path = "/events"
	}
	if source.NATS != nil {
		shown.NATS = source.NATS.Subject
		if shown.Proof == "" {
			shown.Path = "" // not reachable over HTTP
		}
	}
	if preset, known := ingress.LookupPreset(source.Preset); known && shown.Path != "" {
		fill := strings.NewReplacer("{url}", "https://<this gateway>"+shown.Path, "{path}", strings.TrimPrefix(shown.Path, "/"), "`", "")
		for _, step := range preset.Setup {
			shown.Setup = append(shown.Setup, fill.Replace(step))
		}
	}
	return shown
}

// show has the console and the metrics show a configuration that is in force now.
func (s *session) show(c *config, revision uint64) {
	s.metrics.Expect(c.Rules)
	setup := &console.Setup{Revision: revision, Sources: c.Shown, Rules: c.Definitions, Set: c.Rules, Apps: c.Apps}
	for _, name := range sorted(c.Tenants) {
		tenant := c.Tenants[name].Qlik
		dialect := tenant.Dialect
		if dialect == "" {
			dialect = qlik.DialectOf(tenant.URL)
		}
		setup.Tenants = append(setup.Tenants, console.Tenant{Name: name, URL: tenant.URL, Dialect: string(dialect)})
	}
	for _, subscription := range c.Subscriptions {
		setup.Subscriptions = append(setup.Subscriptions, subscription.Name)
	}
	s.setup.Store(setup)
}

// reloadLogOf reads logs of reloads from the tenants that are configured.
func reloadLogOf(clients map[string]*qlik.Client) func(ctx context.Context, tenant, app, reload string) (io.ReadCloser, error) {
	return func(ctx context.Context, tenant, app, reload string) (io.ReadCloser, error) {
		client, configured := clients[tenant]
		if !configured {
			return nil, fmt.Errorf("tenant %s is not configured any more", tenant)
		}
		return client.GetAppReloadLog(ctx, app, reload)
	}
}

// holderOf tells who works for a tenant.
func holderOf(leases *bridge.Leases) func(context.Context, string) (string, error) {
	return func(ctx context.Context, tenant string) (string, error) {
		return leases.Holder(ctx, "dispatcher."+tenant)
	}
}

// plain says how a sender proves itself, without the marks of documentation.
func plain(proof ingress.Verifier) string { return strings.ReplaceAll(proof.String(), "`", "") }
