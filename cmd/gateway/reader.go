package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

// A reader makes a config of what is written, and keeps what it found wrong.
type reader struct {
	written  written
	lookup   func(string) (string, bool) // os.LookupEnv
	problems []rules.Problem
	files    []string        // that were read, and may change
	compiled []rules.Problem // found by the parts that were handed the configuration
}

func (r *reader) report(text string, path ...string) {
	r.problems = append(r.problems, rules.Problem{Path: path, Text: text})
}

func (r *reader) warn(text string, path ...string) {
	r.problems = append(r.problems, rules.Problem{Path: path, Text: text, Warning: true})
}

// read understands the whole file.
func (r *reader) read() *config {
	c := &config{Tenants: map[string]tenantConfig{}}
	c.HTTPAddr = r.address(r.written.HTTP.Addr, defaultHTTPAddr, "http", "addr")
	c.ConsoleAddr = r.address(r.written.Console.Addr, defaultConsoleAddr, "console", "addr")
	if sameListener(c.HTTPAddr, c.ConsoleAddr) {
		r.report("is the address of http as well; operators get a listener of their own", "console", "addr")
	}
	c.Proxies = r.written.HTTP.TrustedProxies
	if err := ingress.CheckNetworks(c.Proxies); err != nil {
		r.report(err.Error(), "http", "trusted_proxies")
	}
	c.TLS, c.AddressRate = r.tls(), r.rate(r.written.HTTP.Rate, "http", "rate")
	c.Broker = r.broker()
	for _, name := range sorted(r.written.Tenants) {
		c.Tenants[name] = r.tenant(name)
	}
	c.AppLimits = r.appLimits()
	c.SourceNames = sorted(r.written.Sources)
	var problems []rules.Problem
	sources := r.sources()
	c.Sources, problems = ingress.Compile(sources)
	r.compiled = append(r.compiled, problems...)
	r.operators(c, sources)
	for _, rule := range r.written.Rules {
		c.RuleNames = append(c.RuleNames, rule.Name)
	}
	c.Rules, problems = rules.Compile(r.written.Rules, r.names())
	r.compiled = append(r.compiled, problems...)
	var err error
	if c.Document, err = json.Marshal(rules.Record{Names: r.names(), Rules: r.written.Rules}); err != nil {
		r.report(err.Error(), "rules")
	}
	c.Subscriptions, c.Readers = r.subscriptions(), r.readers()
	r.unused()
	c.Files = r.files
	return c
}

// names are what the rules may refer to.
func (r *reader) names() rules.Names {
	names := rules.Names{
		Tenants: sorted(r.written.Tenants),
		Sources: sorted(r.written.Sources),
		Apps:    map[string]rules.App{},
		Allow:   map[string]rules.Allow{},
	}
	for name, tenant := range r.written.Tenants {
		dialect := qlik.Dialect(tenant.Dialect)
		if dialect == "" {
			dialect = qlik.DialectOf(tenant.URL)
		}
		if dialect == qlik.OpenAPI {
			names.OneTarget = append(names.OneTarget, name)
		}
	}
	for name, app := range r.written.Apps {
		names.Apps[name] = rules.App{ID: app.ID, Publish: rules.PublishTo(app.Publish)}
	}
	for name, source := range r.written.Sources {
		if source.Allow != nil {
			names.Allow[name] = rules.Allow(*source.Allow)
		}
	}
	return names
}

// unused warns of what would work and yet do nothing.
func (r *reader) unused() {
	if len(r.written.Sources) == 0 {
		r.warn("there are no sources, so nothing can come in")
	}
	r.unheard()
	if len(r.written.Rules) == 0 {
		r.warn("there are no rules, so nothing will be done")
	}
}

// unresolved stands in for a secret that could not be read, so that its verifier
// is checked all the same: it would do for any of them.
const unresolved = "whsec_dGhpcyBzdGFuZHMgaW4gZm9yIGEgbWlzc2luZyBzZWNyZXQh"

// secret resolves the secret at a path and returns its value.
func (r *reader) secret(s secret, path ...string) string {
	if file, ok := strings.CutPrefix(s.reference, fromFile); ok {
		r.files = append(r.files, file)
	}
	if err := s.resolve(r.lookup); err != nil {
		r.report(err.Error(), path...)
		return unresolved
	}
	if s.literal() {
		r.warn("the secret itself is in this file; env:NAME or file:PATH keeps it out", path...)
	}
	return s.value
}

func (r *reader) address(text, fallback string, path ...string) string {
	if text == "" {
		return fallback
	}
	if _, port, err := net.SplitHostPort(text); err != nil || !validPort(port) {
		r.report(fmt.Sprintf("%q is not an address such as 127.0.0.1:8080", text), path...)
		return fallback
	}
	return text
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n < 1<<16
}

// sameListener reports whether two listeners would want one port of one interface.
func sameListener(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	everywhere := []string{"", "0.0.0.0", "::"}
	return hostA == hostB || slices.Contains(everywhere, hostA) || slices.Contains(everywhere, hostB)
}

// duration reads a positive duration, 0 when nothing is written.
func (r *reader) duration(text string, path ...string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.report(fmt.Sprintf("%q is not a duration such as 30s", text), path...)
	}
	return d
}

func (r *reader) tenant(name string) tenantConfig {
	t := r.written.Tenants[name]
	path := []string{"tenants", name}
	c := tenantConfig{
		Qlik:        qlik.Config{URL: t.URL, Dialect: qlik.Dialect(t.Dialect)},
		Quota:       r.quota(t.Quota, child(path, "quota")),
		DailyBudget: t.DailyBudget,
		Breaker: qlik.BreakerConfig{
			Failures: t.Breaker.Failures,
			Over:     r.duration(t.Breaker.Over, "tenants", name, "breaker", "over"),
			Open:     r.duration(t.Breaker.Open, "tenants", name, "breaker", "open"),
		},
	}
	apiKey, oauth := t.APIKey != secret{}, t.OAuth != writtenOAuth{}
	switch {
	case apiKey && oauth:
		r.report("api_key and oauth are both there; the gateway is one user: keep one of them", path...)
	case apiKey:
		c.Qlik.APIKey = r.secret(t.APIKey, child(path, "api_key")...)
	case oauth:
		c.Qlik.OAuth.ClientID = t.OAuth.ClientID
		c.Qlik.OAuth.ClientSecret = r.secret(t.OAuth.ClientSecret, "tenants", name, "oauth", "client_secret")
	default:
		r.report("api_key or oauth is missing: how the gateway proves itself to Qlik", path...)
	}
	r.checkURL(t.URL, child(path, "url"))
	return c
}

// checkURL asks the client itself whether it would take the address.
func (r *reader) checkURL(address string, path []string) {
	if _, err := qlik.New(qlik.Config{URL: address, APIKey: "unused"}); err != nil || strings.Contains(address, "/api/v1") {
		r.report("expected an address such as https://acme.eu.qlikcloud.com, without /api/v1, user, query or fragment", path...)
		return
	}
	if strings.HasPrefix(address, "http://") && qlik.DialectOf(address) == qlik.Cloud {
		r.report("keys would travel in the clear; expected https://", path...)
	}
}

func (r *reader) quota(written map[string]string, path []string) map[qlik.Class]rate {
	quota := map[qlik.Class]rate{}
	for _, class := range sorted(written) {
		calls, per, _ := strings.Cut(written[class], "/")
		n, err := strconv.Atoi(calls)
		if err != nil || n < 1 {
			r.report(fmt.Sprintf("%q is not a number of calls per duration, such as 50/1m", written[class]), child(path, class)...)
			continue
		}
		quota[qlik.Class(class)] = rate{Calls: n, Per: r.duration(per, child(path, class)...)}
	}
	return quota
}

func (r *reader) broker() broker.Config {
	w := r.written.Broker
	c := broker.Config{
		DataDir:   w.DataDir,
		Listen:    r.address(w.Listen, "", "broker", "listen"),
		URL:       w.URL,
		Login:     broker.Login{Credentials: w.Credentials},
		EdgeLogin: broker.Login{Credentials: w.EdgeCredentials},
		TLS:       broker.TLS(w.TLS),
		Prefix:    w.Prefix,
		Replicas:  w.Replicas,

		JournalBytes: w.JournalBytes, Sync: w.Sync, Binary: w.Format == "binary",
	}
	if c.DataDir == "" && c.URL == "" {
		c.DataDir = defaultDataDir
	}
	if c.URL == "" {
		r.onlyExternal()
		r.entrance(c.TLS)
	}
	for i, user := range w.Users {
		var password string
		if user.Secret != (secret{}) {
			password = r.secret(user.Secret, "broker", "users", strconv.Itoa(i), "secret")
		}
		c.Users = append(c.Users, broker.User{
			Name:      user.Name,
			Secret:    broker.Secret(password),
			NKey:      user.NKey,
			Publish:   user.Publish,
			Subscribe: user.Subscribe,
		})
	}
	r.brokerMistakes(c)
	return c
}

// onlyExternal reports what the embedded server would not look at.
func (r *reader) onlyExternal() {
	w := r.written.Broker
	for name, given := range map[string]bool{
		"credentials":      w.Credentials != "",
		"edge_credentials": w.EdgeCredentials != "",
	} {
		if given {
			r.report("does nothing for the embedded server; it goes with url", "broker", name)
		}
	}
}

// brokerMistakes asks the broker, and finds the key or the user that a mistake is
// about.
func (r *reader) brokerMistakes(c broker.Config) {
	var several interface{ Unwrap() []error }
	if !errors.As(c.Check(), &several) {
		return
	}
	for _, err := range several.Unwrap() {
		text := strings.TrimPrefix(err.Error(), "broker: ")
		path := []string{"broker"}
		if first, _, _ := strings.Cut(text, " "); slices.Contains([]string{"data_dir", "listen", "replicas:", "prefix", "sync", "tls"}, first) {
			path = append(path, strings.TrimSuffix(first, ":"))
		}
		for i, user := range c.Users {
			if rest, ok := strings.CutPrefix(text, fmt.Sprintf("user %q: ", user.Name)); ok {
				text, path = rest, []string{"broker", "users", strconv.Itoa(i)}
			}
		}
		r.compiled = append(r.compiled, rules.Problem{Path: path, Text: text})
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
