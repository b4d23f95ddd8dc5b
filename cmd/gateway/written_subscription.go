package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

type writtenSubscription struct {
	Name   string  `json:"name"`
	URL    secret  `json:"url"`
	Secret secrets `json:"secret"`
	When   string  `json:"when"`
	Format string  `json:"format"`
	Batch  struct {
		Max    int    `json:"max"`
		Within string `json:"within"`
	} `json:"batch"`
	Progress     bool     `json:"progress"`
	Validate     *bool    `json:"validate"`
	Concurrency  int      `json:"concurrency"`
	Timeout      string   `json:"timeout"`
	DisableAfter string   `json:"disable_after"`
	Allow        []string `json:"allow"`
}

// subscriptions understands who is told of outcomes over HTTP.
func (r *reader) subscriptions() []events.Subscription {
	var all []events.Subscription
	taken := map[string]bool{}
	for i, w := range r.written.Subscriptions {
		path := []string{"subscriptions", strconv.Itoa(i)}
		if taken[w.Name] && w.Name != "" {
			r.report(fmt.Sprintf("another subscription is already named %q", w.Name), child(path, "name")...)
		}
		taken[w.Name] = true
		all = append(all, r.subscription(w, path))
	}
	return all
}

// readers understands who may read outcomes over a connection that stays open.
func (r *reader) readers() []events.Reader {
	var all []events.Reader
	taken := map[string]bool{}
	for i, w := range r.written.HTTP.Readers {
		path := []string{"http", "readers", strconv.Itoa(i)}
		if taken[w.Name] && w.Name != "" {
			r.report("two readers have this name; the log could not tell who reads", child(path, "name")...)
		}
		taken[w.Name] = true
		all = append(all, events.Reader{Name: w.Name, Secret: r.secret(w.Secret, child(path, "secret")...)})
	}
	return all
}

func (r *reader) subscription(w writtenSubscription, path []string) events.Subscription {
	s := events.Subscription{
		Name: w.Name, Mode: events.Mode(w.Format), Progress: w.Progress, Concurrency: w.Concurrency,
		Unvalidated: w.Validate != nil && !*w.Validate,
		Timeout:     r.duration(w.Timeout, child(path, "timeout")...),
		Batch:       w.Batch.Max, BatchWithin: r.duration(w.Batch.Within, child(child(path, "batch"), "within")...),
		DisableAfter: r.duration(w.DisableAfter, child(path, "disable_after")...),
	}
	s.Allow = r.networks(w.Allow, child(path, "allow"))
	s.URL = r.subscriptionURL(w.URL, s.Allow, child(path, "url"))
	s.Secrets = r.signingSecrets(w, path)
	if w.When != "" {
		var err error
		if s.When, err = rules.NewPredicate(w.When); err != nil {
			r.report(err.Error(), child(path, "when")...)
		}
	}
	return s
}

// subscriptionURL resolves where to deliver. An address that is written out need be
// no secret.
func (r *reader) subscriptionURL(written secret, allow []netip.Prefix, path []string) string {
	if file, ok := strings.CutPrefix(written.reference, fromFile); ok {
		r.files = append(r.files, file)
	}
	err := written.resolve(r.lookup)
	switch {
	case err != nil:
		r.report(err.Error(), path...)
	case written.value == "" || written.value == unresolved: // the schema said so; not asked for
	case events.CheckURL(written.value, allow) != nil:
		r.report(events.CheckURL(written.value, allow).Error(), path...)
	case strings.HasPrefix(written.value, "http://"):
		r.warn("outcomes travel in the clear; https:// keeps them private", path...)
	}
	return written.value
}

// signingSecrets resolves what deliveries are signed with.
func (r *reader) signingSecrets(w writtenSubscription, path []string) []string {
	if len(w.Secret) == 0 && w.Format != string(events.ModeSlack) && w.Format != string(events.ModeTeams) {
		r.report("is missing: by its signature the receiver knows that a delivery is ours", child(path, "secret")...)
	}
	return r.signingKeys(w.Secret, child(path, "secret"))
}

// networks reads what may be called besides the public internet.
func (r *reader) networks(texts []string, path []string) []netip.Prefix {
	var networks []netip.Prefix
	for i, text := range texts {
		network, err := events.ParseNetwork(text)
		if err != nil {
			r.report(err.Error(), child(path, strconv.Itoa(i))...)
		}
		networks = append(networks, network)
	}
	return networks
}

// signingKeys resolves secrets that deliveries are signed with.
func (r *reader) signingKeys(list secrets, path []string) []string {
	var values []string
	for i, one := range list {
		at := path
		if len(list) > 1 {
			at = child(at, strconv.Itoa(i))
		}
		value := r.secret(one, at...)
		if _, err := events.SigningKey(value); err != nil {
			r.report(err.Error(), at...)
		}
		values = append(values, value)
	}
	return values
}
