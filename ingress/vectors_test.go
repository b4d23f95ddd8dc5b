package ingress

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A vector is a delivery that its sender, or another program than ours, signed.
type vector struct {
	Name             string
	HMAC             *HMAC
	StandardWebhooks bool `json:"standard_webhooks"`
	Preset           string
	Now              int64
	Secret           string
	Body             string
	File             string
	Headers          map[string]string
}

func (v vector) verifier() Verifier {
	switch {
	case v.StandardWebhooks:
		return StandardWebhooks()
	case v.HMAC != nil:
		return Verifier{HMAC: v.HMAC}
	}
	preset, _ := LookupPreset(v.Preset)
	return preset.Verify
}

func (v vector) header() http.Header {
	h := http.Header{}
	for name, value := range v.Headers {
		h.Set(name, value)
	}
	return h
}

func vectors(t testing.TB) []vector {
	t.Helper()
	var all []vector
	if err := json.Unmarshal(fixture(t, "vectors.json"), &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].File != "" {
			all[i].Body = string(fixture(t, all[i].File))
		}
	}
	return all
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// shown is a proof that is shown headers and a body, and nothing else.
type shownProof struct{ proof }

func shown(p proof) shownProof { return shownProof{p} }

func (p shownProof) prove(h http.Header, body []byte, now time.Time) error {
	return p.proof.prove(context.Background(), &evidence{header: h, body: body, now: now})
}

func (p shownProof) glance(h http.Header) error { return p.proof.glance(&evidence{header: h}) }

func (p shownProof) sign(h http.Header, body []byte, now time.Time) {
	if err := p.proof.sign(&evidence{header: h, body: body, now: now}); err != nil {
		panic(err)
	}
}

// hmacIn is the HMAC in a proof of signatures.
func hmacIn(p proof) hmacProof {
	if webhooks, ok := p.(webhooksProof); ok {
		return webhooks.v1
	}
	return p.(hmacProof)
}

func proofOf(t testing.TB, v Verifier, secrets ...string) proof {
	t.Helper()
	p, err := v.proof(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
