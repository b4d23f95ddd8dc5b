package ingress

import (
	"errors"
	"net/http"
	"time"
)

// A Verifier says how a sender proves itself: exactly one field is set.
type Verifier struct {
	None  bool   // anybody may send; said out loud in the configuration
	HMAC  *HMAC  // a signature over the body
	Token *Token // a secret sent as it is, in a header
	Basic *Basic // HTTP basic authentication
}

// A proof checks deliveries against the live secrets of one source.
type proof interface {
	// glance refuses what can be refused before the body is read.
	glance(h http.Header) error
	// prove refuses a delivery whose sender does not hold a live secret.
	prove(h http.Header, body []byte, now time.Time) error
	// sign adds to the headers what a sender with the first secret would send.
	sign(h http.Header, body []byte, now time.Time)
	// challenge is the WWW-Authenticate header of a refusal.
	challenge() string
}

// Errors that a proof refuses with. Their text is what the sender reads.
var (
	errNoSecret  = errors.New("a secret is needed: add `secret: env:NAME`")
	errMismatch  = errors.New("the proof does not match: compare the secret on both sides, and send the body exactly as it was signed")
	errManyKinds = errors.New("expected exactly one of none, hmac, standard-webhooks, bearer, basic")
)

// Bearer returns the verifier for `Authorization: Bearer <secret>` (RFC 6750).
func Bearer() Verifier {
	return Verifier{Token: &Token{Header: "Authorization", Scheme: "Bearer"}}
}

// StandardWebhooks returns the verifier of the Standard Webhooks specification,
// version v1: HMAC-SHA256 over id, timestamp and body, five minutes of tolerance,
// a secret in base64 after `whsec_`.
func StandardWebhooks() Verifier {
	return Verifier{HMAC: &HMAC{
		Header:    "webhook-signature",
		Encoding:  Base64,
		Prefix:    "v1,",
		Separator: " ",
		Signed:    "{header.webhook-id}.{header.webhook-timestamp}.{body}",
		Timestamp: "webhook-timestamp",
		Key:       KeyWhsec,
	}}
}

// given reports whether the verifier says anything at all.
func (v Verifier) given() bool {
	return v.None || v.HMAC != nil || v.Token != nil || v.Basic != nil
}

// Sign adds to the headers what a sender that holds the secret would send with
// this body, ids and timestamps included. It fails when the verifier or the
// secret cannot be used.
func (v Verifier) Sign(h http.Header, body []byte, secret string, now time.Time) error {
	p, err := v.proof([]string{secret})
	if err != nil {
		return err
	}
	p.sign(h, body, now)
	return nil
}

// proof compiles the verifier with the secrets that are live.
func (v Verifier) proof(secrets []string) (proof, error) {
	kinds := 0
	for _, set := range []bool{v.None, v.HMAC != nil, v.Token != nil, v.Basic != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return nil, errManyKinds
	}
	if v.None {
		return noProof{}, nil
	}
	if len(secrets) == 0 {
		return nil, errNoSecret
	}
	for _, secret := range secrets {
		if secret == "" {
			return nil, errors.New("a secret is empty: set the variable or file it is read from")
		}
	}
	switch {
	case v.HMAC != nil:
		return v.HMAC.proof(secrets)
	case v.Token != nil:
		return v.Token.proof(secrets)
	default:
		return v.Basic.proof(secrets)
	}
}

// noProof lets everybody in.
type noProof struct{}

func (noProof) glance(http.Header) error                   { return nil }
func (noProof) prove(http.Header, []byte, time.Time) error { return nil }
func (noProof) sign(http.Header, []byte, time.Time)        {}
func (noProof) challenge() string                          { return "" }
