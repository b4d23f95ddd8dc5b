package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/qlik"
)

// lookEvery is how often the files are looked at. They are compared by what is in
// them, which also sees a mounted ConfigMap being swapped.
const lookEvery = 5 * time.Second

// errUnusable is why a configuration cannot be put in force until its files change.
var errUnusable = errors.New("the new configuration cannot be used")

// configFiles are the configuration file and what is read beside it.
type configFiles struct {
	path   string
	others []string          // secrets and certificates, also of a configuration that could not be used
	seen   [sha256.Size]byte // how all of them were when they were last read
	asks   chan os.Signal    // SIGHUP
	look   <-chan time.Time  // when to look for changes
	stop   func()
}

// newConfigFiles watches a configuration file, which was just read, until it is stopped.
func newConfigFiles(path string, others []string) *configFiles {
	f := &configFiles{path: path, asks: make(chan os.Signal, 1)}
	f.watch(others)
	f.seen = f.print()
	ticker := time.NewTicker(lookEvery)
	f.look = ticker.C
	signal.Notify(f.asks, syscall.SIGHUP)
	f.stop = func() {
		signal.Stop(f.asks)
		ticker.Stop()
	}
	return f
}

// watch has other files looked at beside the configuration.
func (f *configFiles) watch(others ...[]string) {
	f.others = slices.Compact(slices.Sorted(slices.Values(slices.Concat(others...))))
}

// print tells states of the files apart.
func (f *configFiles) print() [sha256.Size]byte {
	sum := sha256.New()
	for _, path := range append([]string{f.path}, f.others...) {
		text, err := os.ReadFile(path)
		fmt.Fprintf(sum, "%s %d %v\n", path, len(text), err)
		_, _ = sum.Write(text) // a hash takes everything
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

// follow puts a changed configuration in force until ctx ends. One that cannot be
// used is logged, and everything goes on as before.
func (g *gateway) follow(ctx context.Context, s *session) error {
	if g.files == nil {
		return nil
	}
	for {
		asked := false
		select {
		case <-ctx.Done():
			return nil
		case <-g.files.asks:
			asked = true
		case <-g.files.look:
		}
		now := g.files.print()
		if now == g.files.seen && !asked {
			continue
		}
		err := g.reload(ctx, s)
		if err != nil {
			g.log.Error().Err(err).Str("hop", "reload").Str("file", g.files.path).Msg("the configuration stays as it was")
		}
		if err == nil || errors.Is(err, errUnusable) { // else it is tried again: the store did not take it
			g.files.seen = now // what changed meanwhile, or is looked at only since, is seen next time
		}
	}
}

// reload reads the configuration and puts it in force. Everything that can fail
// happens before anything live is touched; what was begun under the old
// configuration ends under it.
func (g *gateway) reload(ctx context.Context, s *session) error {
	next, problems, files := loadWhole(g.files.path)
	g.files.watch(g.cfg.Files, files)
	for _, problem := range problems {
		g.log.Warn().Str("hop", "reload").Msg(problem.String())
	}
	if next == nil {
		return fmt.Errorf("%w: %s has mistakes", errUnusable, g.files.path)
	}
	if fixed := fixedChanges(g.cfg, next); len(fixed) > 0 {
		return fmt.Errorf("%w: a restart is needed for a change of %s; nothing of the new file is in force", errUnusable, strings.Join(fixed, ", "))
	}
	var pair *tls.Certificate
	if next.TLS != (tlsFiles{}) {
		var err error
		if pair, err = loadCertificate(next.TLS); err != nil {
			return fmt.Errorf("%w: %w", errUnusable, err)
		}
	}
	if err := usable(next.Tenants); err != nil {
		return err
	}
	subscribers, err := s.tellers.make(next.Subscriptions)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnusable, err)
	}
	revision, err := s.revisions.Use(ctx, next.Document, next.Rules)
	if err != nil {
		return fmt.Errorf("record the configuration: %w", err)
	}
	if err := s.tellers.begin(ctx, next.Subscriptions); err != nil {
		return err
	}
	if err := s.broker.Renew(next.Broker); err != nil {
		return err
	}
	if pair != nil {
		g.certificate.current.Store(pair)
	}
	if err := s.renew(g.cfg.Tenants, next.Tenants); err != nil {
		return err
	}
	s.feed.Admit(next.Readers)
	if !reflect.DeepEqual(g.cfg.Tokens, next.Tokens) {
		g.log.Warn().Str("hop", "reload").Msg("the console knows its tokens' new secrets after a restart, and the old ones until then")
	}
	s.ingress.Set(liveOf(next, revision.Number))
	s.tellers.replace(subscribers)
	s.show(next, revision.Number)
	g.cfg = next
	g.files.watch(files)
	g.log.Info().Str("hop", "reload").Uint64("revision", revision.Number).Int("sources", len(next.SourceNames)).
		Int("rules", len(next.RuleNames)).Msg("a new configuration is in force")
	return nil
}

// usable says why a tenant cannot be called with the secrets of a configuration.
func usable(tenants map[string]tenantConfig) error {
	for _, name := range sorted(tenants) {
		if _, err := qlik.New(tenants[name].Qlik); err != nil {
			return fmt.Errorf("tenant %s: %w", name, err)
		}
	}
	return nil
}

// renew has tenants called with the secrets that they have now.
func (s *session) renew(old, next map[string]tenantConfig) error {
	for _, dispatcher := range s.dispatchers {
		tenant := dispatcher.Tenant()
		if reflect.DeepEqual(old[tenant].Qlik, next[tenant].Qlik) {
			continue
		}
		if err := dispatcher.Renew(next[tenant].Qlik); err != nil {
			return err
		}
		s.log.Info().Str("hop", "reload").Str("tenant", tenant).Msg("the tenant is called with other credentials from now on")
	}
	return nil
}

// withoutSecrets returns tenants with nothing of their secrets but whether there is one:
// another secret of the same kind is taken while the gateway runs.
func withoutSecrets(tenants map[string]tenantConfig) map[string]tenantConfig {
	bare := maps.Clone(tenants)
	for name, tenant := range bare {
		for _, secret := range []*string{&tenant.Qlik.APIKey, &tenant.Qlik.OAuth.ClientSecret} {
			if *secret != "" {
				*secret = hidden
			}
		}
		bare[name] = tenant
	}
	return bare
}

// lockedUsers returns a broker's configuration without the secrets of its users.
func lockedUsers(b broker.Config) broker.Config {
	b.Users = slices.Clone(b.Users)
	for i := range b.Users {
		b.Users[i].Secret = ""
	}
	return b
}

// lockedTokens returns tokens without their secrets.
func lockedTokens(tokens []console.Token) []console.Token {
	tokens = slices.Clone(tokens)
	for i := range tokens {
		tokens[i].Secret = ""
	}
	return tokens
}

// fixedChanges names what differs and cannot be changed while the gateway runs.
func fixedChanges(old, next *config) []string {
	var fixed []string
	for name, same := range map[string]bool{
		"http.addr":            old.HTTPAddr == next.HTTPAddr,
		"http.trusted_proxies": reflect.DeepEqual(old.Proxies, next.Proxies),
		"http.tls":             (old.TLS == tlsFiles{}) == (next.TLS == tlsFiles{}),
		"console.tokens":       reflect.DeepEqual(lockedTokens(old.Tokens), lockedTokens(next.Tokens)),
		"console.addr":         old.ConsoleAddr == next.ConsoleAddr,
		"broker":               reflect.DeepEqual(lockedUsers(old.Broker), lockedUsers(next.Broker)),
		"apps.*.min_interval or apps.*.daily_budget": reflect.DeepEqual(old.AppLimits, next.AppLimits),
		"tenants": reflect.DeepEqual(withoutSecrets(old.Tenants), withoutSecrets(next.Tenants)),
	} {
		if !same {
			fixed = append(fixed, name)
		}
	}
	slices.Sort(fixed)
	return fixed
}

// showCertificate reads the certificate for senders where the configuration has one.
func (g *gateway) showCertificate() error {
	if g.cfg.TLS == (tlsFiles{}) {
		return nil
	}
	pair, err := loadCertificate(g.cfg.TLS)
	if err != nil {
		return err
	}
	g.certificate = &certificate{}
	g.certificate.current.Store(pair)
	return nil
}
