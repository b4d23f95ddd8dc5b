package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
)

// sources are the configured sources as ingress takes them, in the order of the
// alphabet.
func (r *reader) sources() []ingress.Source {
	var sources []ingress.Source
	for _, name := range sorted(r.written.Sources) {
		w := r.written.Sources[name]
		tenant := r.tenantOf(name, w)
		source := ingress.Source{
			Name: name, Preset: w.Preset, Verify: r.verifier(w.Verify, "sources", name, "verify"),
			Secrets: r.secrets(w.Secret, "sources", name, "secret"), Origins: w.Origins, Rate: r.rate(w.Rate, "sources", name, "rate"),
			Tenant: tenant, Foreign: r.written.Tenants[tenant].Foreign,
		}
		if w.NATS != nil {
			source.NATS = r.subject(name, w.NATS)
		}
		if w.Callback != nil {
			source.Callbacks = r.callbacks(*w.Callback, "sources", name, "callback")
		}
		sources = append(sources, source)
	}
	return sources
}

// callbacks are who may be called back.
func (r *reader) callbacks(w writtenCallback, path ...string) events.Callbacks {
	return events.Callbacks{
		Hosts: w.Hosts, Secrets: r.signingKeys(w.Secret, child(path, "secret")), Allow: r.networks(w.Allow, child(path, "allow")),
	}
}

// subject is where a source listens on NATS. Its queue group belongs to the
// installation, so that nobody else may join it.
func (r *reader) subject(name string, w *writtenNATS) *ingress.Subject {
	subject := &ingress.Subject{Subject: w.Subject, Queue: w.Queue, Stream: w.Stream, Durable: w.Durable}
	if w.Stream == "" && w.Queue == "" {
		subject.Queue = broker.NamesFor(r.written.Broker.Prefix).Queue + "." + name
	}
	if w.Stream != "" && r.written.Broker.URL == "" {
		r.report("people have no streams on the embedded server; it reads streams of an external one (broker.url)", "sources", name, "nats", "stream")
	}
	return subject
}

// rate reads a number per duration; nothing written = no limit.
func (r *reader) rate(text string, path ...string) ingress.Rate {
	count, per, given := strings.Cut(text, "/")
	if !given {
		return ingress.Rate{}
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		r.report(fmt.Sprintf("%q is not a number of deliveries per duration, such as 120/1m", text), path...)
	}
	return ingress.Rate{Count: n, Per: r.duration(per, path...)}
}

// secrets resolves all of a list.
func (r *reader) secrets(list secrets, path ...string) []string {
	var values []string
	for i, s := range list {
		at := path
		if len(list) > 1 {
			at = child(path, strconv.Itoa(i))
		}
		values = append(values, r.secret(s, at...))
	}
	return values
}

// verifier is the verifier that the words stand for; none = the preset's.
func (r *reader) verifier(v writtenVerify, path ...string) ingress.Verifier {
	if made, ok := r.secretVerifier(v, path); ok {
		return made
	}
	switch {
	case v.Word == "none":
		return ingress.Verifier{None: true}
	case v.Word == "bearer":
		return ingress.Bearer()
	case v.Word == "standard-webhooks":
		return ingress.StandardWebhooks()
	case v.JWT != nil:
		jwt := &ingress.JWT{Issuer: v.JWT.Issuer, JWKS: v.JWT.JWKS, Audience: v.JWT.Audience, Claims: map[string][]string{}}
		for claim, values := range v.JWT.Claims {
			jwt.Claims[claim] = values
		}
		return ingress.Verifier{JWT: jwt}
	case v.SNS != nil:
		return ingress.Verifier{SNS: &ingress.SNS{Topics: v.SNS.Topics}}
	case v.MTLS != nil:
		return ingress.Verifier{MTLS: r.mtls(v, path)}
	}
	made := ingress.Verifier{IP: v.IP}
	for i, inner := range v.All {
		made.All = append(made.All, r.verifier(inner, child(child(path, "all"), strconv.Itoa(i))...))
	}
	for i, inner := range v.Any {
		made.Any = append(made.Any, r.verifier(inner, child(child(path, "any"), strconv.Itoa(i))...))
	}
	return made
}

// secretVerifier is a verifier with settings that may have a secret of its own.
func (r *reader) secretVerifier(v writtenVerify, path []string) (ingress.Verifier, bool) {
	switch {
	case v.HMAC != nil:
		h := v.HMAC
		return ingress.Verifier{
			HMAC: &ingress.HMAC{
				Hash: h.Hash, Header: h.Header, Encoding: h.Encoding, Prefix: h.Prefix, Separator: h.Separator,
				Signed: h.Signed, Timestamp: h.Timestamp, Tolerance: r.duration(h.Tolerance, child(child(path, "hmac"), "tolerance")...),
			},
			Secrets: r.secrets(h.Secret, child(child(path, "hmac"), "secret")...),
		}, true
	case v.Webhooks != nil:
		at := child(path, "standard-webhooks")
		return ingress.Verifier{
			Webhooks: &ingress.Webhooks{Tolerance: r.duration(v.Webhooks.Tolerance, child(at, "tolerance")...)},
			Secrets:  r.secrets(v.Webhooks.Secret, child(at, "secret")...),
		}, true
	case v.Bearer != nil:
		made := ingress.Bearer()
		made.Secrets = r.secrets(v.Bearer.Secret, child(child(path, "bearer"), "secret")...)
		return made, true
	case v.Header != nil:
		return ingress.Verifier{
			Token:   &ingress.Token{Header: v.Header.Name, Scheme: v.Header.Scheme},
			Secrets: r.secrets(v.Header.Secret, child(child(path, "header"), "secret")...),
		}, true
	case v.Query != nil:
		return ingress.Verifier{
			Query:   &ingress.Query{Name: v.Query.Name},
			Secrets: r.secrets(v.Query.Secret, child(child(path, "query"), "secret")...),
		}, true
	case v.Basic != nil:
		return ingress.Verifier{
			Basic:   &ingress.Basic{User: v.Basic.User},
			Secrets: r.secrets(v.Basic.Secret, child(child(path, "basic"), "secret")...),
		}, true
	}
	return ingress.Verifier{}, false
}

// mtls reads the certificates of a verifier.
func (r *reader) mtls(v writtenVerify, path []string) *ingress.MTLS {
	if r.written.HTTP.TLS == nil {
		r.report("client certificates are seen only where TLS ends: add http.tls", child(path, "mtls")...)
	}
	r.files = append(r.files, v.MTLS.CA)
	text, err := os.ReadFile(v.MTLS.CA)
	if err != nil {
		r.report(err.Error(), child(child(path, "mtls"), "ca")...)
	}
	return &ingress.MTLS{CA: string(text), Names: v.MTLS.Names}
}
