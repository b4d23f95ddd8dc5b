package main

import (
	"strconv"

	"github.com/qlikgateway/gateway/ingress"
)

// sources are the configured sources as ingress takes them, in the order of the
// alphabet.
func (r *reader) sources() []ingress.Source {
	var sources []ingress.Source
	for _, name := range sorted(r.written.Sources) {
		w := r.written.Sources[name]
		source := ingress.Source{Name: name, Preset: w.Preset, Verify: w.Verify.verifier()}
		for i, s := range w.Secret {
			path := []string{"sources", name, "secret"}
			if len(w.Secret) > 1 {
				path = append(path, strconv.Itoa(i))
			}
			source.Secrets = append(source.Secrets, r.secret(s, path...))
		}
		if w.NATS != nil {
			source.NATS = &ingress.Subject{Subject: w.NATS.Subject, Queue: w.NATS.Queue}
		}
		sources = append(sources, source)
	}
	return sources
}

// verifier is the verifier that the words stand for; none = the preset's.
func (v writtenVerify) verifier() ingress.Verifier {
	switch {
	case v.Word == "none":
		return ingress.Verifier{None: true}
	case v.Word == "bearer":
		return ingress.Bearer()
	case v.Word == "standard-webhooks":
		return ingress.StandardWebhooks()
	case v.HMAC != nil:
		return ingress.Verifier{HMAC: &ingress.HMAC{Header: v.HMAC.Header, Encoding: v.HMAC.Encoding, Prefix: v.HMAC.Prefix}}
	case v.Basic != nil:
		return ingress.Verifier{Basic: &ingress.Basic{User: v.Basic.User}}
	default:
		return ingress.Verifier{}
	}
}
