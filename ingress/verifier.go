package ingress

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// A Verifier says how a sender proves itself: exactly one of its kinds is set.
type Verifier struct {
	None     bool      // anybody may send; said out loud in the configuration
	HMAC     *HMAC     // a signature over the body
	Webhooks *Webhooks // the signatures of Standard Webhooks, v1 and v1a
	Token    *Token    // a secret sent as it is, in a header
	Query    *Query    // a secret sent as it is, in the address
	Basic    *Basic    // HTTP basic authentication
	JWT      *JWT      // a token that somebody else issued and signed
	SNS      *SNS      // a message signed by Amazon SNS
	MTLS     *MTLS     // a client certificate
	IP       []string  // addresses that it may come from, such as 192.0.2.0/24

	All []Verifier // every one of them has to be satisfied
	Any []Verifier // one of them is enough

	Secrets []string // of this verifier alone; none = the source's
}

// evidence is what one delivery shows of its sender.
type evidence struct {
	header       http.Header
	query        url.Values
	address      netip.Addr          // of the client; not valid = unknown
	certificates []*x509.Certificate // of the client; it holds the first one's key
	body         []byte
	now          time.Time
	outside      *outside // where keys and certificates are fetched
}

// A proof checks deliveries against the live secrets of one source.
type proof interface {
	// glance refuses what can be refused before the body is read.
	glance(e *evidence) error
	// prove refuses a delivery whose sender does not hold a live secret.
	prove(ctx context.Context, e *evidence) error
	// sign adds what a sender with the first secret would send.
	sign(e *evidence) error
	// challenge is the WWW-Authenticate header of a refusal.
	challenge() string
}

// Errors that a proof refuses with. Their text is what the sender reads.
var (
	errNoSecret  = errors.New("a secret is needed: add `secret: env:NAME`")
	errMismatch  = errors.New("the proof does not match: compare the secret on both sides, and send the body exactly as it was signed")
	errManyKinds = errors.New("expected exactly one way to prove: none, hmac, standard-webhooks, bearer, header, query, basic, jwt, sns, mtls, ip, all or any")
)

const maxNested = 3 // of all and any in each other

// Bearer returns the verifier for `Authorization: Bearer <secret>` (RFC 6750).
func Bearer() Verifier {
	return Verifier{Token: &Token{Header: "Authorization", Scheme: "Bearer"}}
}

// StandardWebhooks returns the verifier of the Standard Webhooks specification:
// HMAC-SHA256 (v1) or Ed25519 (v1a) over id, timestamp and body, five minutes of
// tolerance.
func StandardWebhooks() Verifier { return Verifier{Webhooks: &Webhooks{}} }

// given reports whether the verifier says anything at all.
func (v Verifier) given() bool { return len(v.kinds()) > 0 || len(v.All) > 0 || len(v.Any) > 0 }

// A kind is one way to prove that a Verifier asks for.
type kind struct {
	secret  bool // it needs one
	compile func(secrets []string) (proof, error)
}

// kinds are the ways that are set; a Verifier that can be used has one.
func (v Verifier) kinds() []kind {
	var set []kind
	add := func(is, secret bool, compile func([]string) (proof, error)) {
		if is {
			set = append(set, kind{secret, compile})
		}
	}
	add(v.None, false, func([]string) (proof, error) { return noProof{}, nil })
	add(v.HMAC != nil, true, func(s []string) (proof, error) { return v.HMAC.proof(s) })
	add(v.Webhooks != nil, true, func(s []string) (proof, error) { return v.Webhooks.proof(s) })
	add(v.Token != nil, true, func(s []string) (proof, error) { return v.Token.proof(s) })
	add(v.Query != nil, true, func(s []string) (proof, error) { return v.Query.proof(s) })
	add(v.Basic != nil, true, func(s []string) (proof, error) { return v.Basic.proof(s) })
	add(v.JWT != nil, false, func([]string) (proof, error) { return v.JWT.proof() })
	add(v.SNS != nil, false, func([]string) (proof, error) { return v.SNS.proof() })
	add(v.MTLS != nil, false, func([]string) (proof, error) { return v.MTLS.proof() })
	add(len(v.IP) > 0, false, func([]string) (proof, error) { return ipProofOf(v.IP) })
	return set
}

// needsSecret reports whether the verifier, or one inside it, takes the secrets of
// its source.
func (v Verifier) needsSecret() bool {
	if len(v.Secrets) > 0 {
		return false
	}
	for _, inner := range append(v.All[:len(v.All):len(v.All)], v.Any...) {
		if inner.needsSecret() {
			return true
		}
	}
	for _, kind := range v.kinds() {
		if kind.secret {
			return true
		}
	}
	return false
}

// secrets are all that the verifier works with, the source's own first.
func (v Verifier) secrets(own []string) []string {
	all := append(own[:len(own):len(own)], v.Secrets...)
	for _, inner := range append(v.All[:len(v.All):len(v.All)], v.Any...) {
		all = inner.secrets(all)
	}
	return all
}

// lets reports whether anybody at all may get past the verifier.
func (v Verifier) lets() bool {
	for _, inner := range v.Any {
		if inner.lets() {
			return true
		}
	}
	return v.None
}

// Sign adds to the headers what a sender that holds the secret would send with
// this body, ids and timestamps included. It fails when the verifier or the
// secret cannot be used, and for verifiers whose proof is not in headers.
func (v Verifier) Sign(h http.Header, body []byte, secret string, now time.Time) error {
	p, err := v.proof([]string{secret})
	if err != nil {
		return err
	}
	e := &evidence{header: h, query: url.Values{}, body: body, now: now}
	if err := p.sign(e); err != nil {
		return err
	}
	if len(e.query) > 0 {
		return errors.New("this proof is a part of the address")
	}
	return nil
}

// proof compiles the verifier with the secrets that are live.
func (v Verifier) proof(secrets []string) (proof, error) { return v.nested(secrets, 0) }

func (v Verifier) nested(secrets []string, depth int) (proof, error) {
	if len(v.Secrets) > 0 {
		secrets = v.Secrets
	}
	kinds, combined := v.kinds(), len(v.All) > 0 || len(v.Any) > 0
	switch {
	case len(v.All) > 0 && len(v.Any) > 0, combined && len(kinds) > 0, !combined && len(kinds) != 1:
		return nil, errManyKinds
	case depth > maxNested:
		return nil, fmt.Errorf("expected all and any at most %d deep", maxNested)
	}
	for _, secret := range secrets {
		if secret == "" {
			return nil, errors.New("a secret is empty: set the variable or file it is read from")
		}
	}
	switch {
	case len(v.All) > 0:
		return allOf(v.All, secrets, depth)
	case len(v.Any) > 0:
		return anyProofOf(v.Any, secrets, depth)
	case kinds[0].secret && len(secrets) == 0:
		return nil, errNoSecret
	}
	return kinds[0].compile(secrets)
}

// noProof lets everybody in.
type noProof struct{}

func (noProof) glance(*evidence) error                 { return nil }
func (noProof) prove(context.Context, *evidence) error { return nil }
func (noProof) sign(*evidence) error                   { return nil }
func (noProof) challenge() string                      { return "" }
