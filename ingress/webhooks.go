package ingress

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"
)

// Webhooks verify the signatures of the Standard Webhooks specification. The
// source's secrets are keys of it: whsec_ for version v1 (HMAC-SHA256), whpk_ for
// v1a (Ed25519, the public key), whsk_ for v1a with the private key, which only
// a sender needs.
type Webhooks struct {
	Tolerance time.Duration // how far the time of signing may be off; default 5 minutes
}

const (
	publicPrefix  = "whpk_"
	privatePrefix = "whsk_"
	v1aPrefix     = "v1a,"
)

// webhooksProof is Webhooks with its keys decoded.
type webhooksProof struct {
	v1      hmacProof // also the headers, the time and what is signed
	public  []ed25519.PublicKey
	private ed25519.PrivateKey // nil unless the first secret is one
}

func (c Webhooks) proof(secrets []string) (proof, error) {
	var p webhooksProof
	var shared []string
	for i, secret := range secrets {
		text, public := strings.CutPrefix(secret, publicPrefix)
		if !public {
			var private bool
			if text, private = strings.CutPrefix(secret, privatePrefix); !private {
				shared = append(shared, secret)
				continue
			}
		}
		key, err := base64.StdEncoding.DecodeString(text)
		switch {
		case public && err == nil && len(key) == ed25519.PublicKeySize:
		case !public && err == nil && len(key) == ed25519.PrivateKeySize:
			private := ed25519.PrivateKey(key)
			if i == 0 {
				p.private = private
			}
			key = private[ed25519.SeedSize:]
		default:
			return nil, errors.New("secret: expected whpk_ or whsk_ and an Ed25519 key in base64")
		}
		p.public = append(p.public, key)
	}
	v1, err := HMAC{
		Header: "webhook-signature", Encoding: Base64, Prefix: "v1,", Separator: " ",
		Signed: "{header.webhook-id}.{timestamp}.{body}", Timestamp: "webhook-timestamp",
		Tolerance: c.Tolerance, Key: KeyWhsec,
	}.proof(shared)
	if err != nil {
		return nil, err
	}
	p.v1 = v1.(hmacProof)
	return p, nil
}

// standard gives the headers of Svix the names of the standard that was made of them,
// unless one has such a name already: what is signed and what is read stay one.
func standard(h http.Header) {
	names := []string{"Id", "Timestamp", "Signature"}
	for _, name := range names {
		if len(h["Webhook-"+name]) > 0 {
			return
		}
	}
	for _, name := range names {
		if values := h["Svix-"+name]; len(values) > 0 {
			h["Webhook-"+name] = values
		}
	}
}

func (p webhooksProof) glance(e *evidence) error { return p.v1.glance(e) }

func (p webhooksProof) prove(ctx context.Context, e *evidence) error {
	if len(p.public) == 0 {
		return p.v1.prove(ctx, e)
	}
	if err := p.glance(e); err != nil {
		return err
	}
	if err := p.v1.timely(e); err != nil {
		return err
	}
	var content bytes.Buffer
	p.v1.write(&content, e)
	for _, part := range strings.SplitN(e.header.Get(p.v1.Header), " ", maxSignatures+1) {
		text, ok := strings.CutPrefix(part, v1aPrefix)
		if !ok {
			continue
		}
		signature, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(signature) != ed25519.SignatureSize {
			continue
		}
		for _, key := range p.public {
			if ed25519.Verify(key, content.Bytes(), signature) {
				return nil
			}
		}
	}
	if len(p.v1.keys) == 0 {
		return errMismatch
	}
	return p.v1.prove(ctx, e)
}

func (p webhooksProof) sign(e *evidence) error {
	switch {
	case p.private != nil:
		p.v1.stamp(e.header, e.now)
		var content bytes.Buffer
		p.v1.write(&content, e)
		e.header.Set(p.v1.Header, v1aPrefix+base64.StdEncoding.EncodeToString(ed25519.Sign(p.private, content.Bytes())))
		return nil
	case len(p.v1.keys) > 0:
		return p.v1.sign(e)
	}
	return errors.New("a public key signs nothing: the sender's private key, whsk_, is needed")
}

func (p webhooksProof) challenge() string { return p.v1.challenge() }
