package ingress

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestVersion1aIsProvenWithThePublicKeyAlone(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	whpk, whsk := "whpk_"+base64.StdEncoding.EncodeToString(public), "whsk_"+base64.StdEncoding.EncodeToString(private)
	now, body, h := time.Unix(1_800_000_000, 0), []byte(`{"type":"done"}`), http.Header{}
	if err := StandardWebhooks().Sign(h, body, whsk, now); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(h.Get("webhook-signature"), "v1a,") {
		t.Fatalf("signed %s", h.Get("webhook-signature"))
	}
	content := []byte(h.Get("webhook-id") + ".1800000000." + string(body))
	raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get("webhook-signature"), "v1a,"))
	if !ed25519.Verify(public, content, raw) {
		t.Error("the signature is over something else than id.timestamp.body")
	}
	p := shown(proofOf(t, StandardWebhooks(), "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0", whpk))
	if err := p.prove(h, body, now); err != nil {
		t.Errorf("right: %v", err)
	}
	if p.prove(h, []byte(`{"type":"dome"}`), now) == nil || p.prove(h, body, now.Add(6*time.Minute)) == nil {
		t.Error("another body or a stale time is proven")
	}
	signature := h.Get("webhook-signature")
	h.Set("webhook-signature", "v1,AAAA v1a,AAAA "+signature)
	if err := p.prove(h, body, now); err != nil {
		t.Errorf("beside others: %v", err)
	}
	h.Set("webhook-signature", strings.Replace(signature, "v1a,", "v1,", 1))
	if p.prove(h, body, now) == nil {
		t.Error("proven under another version")
	}
	if StandardWebhooks().Sign(http.Header{}, body, whpk, now) == nil {
		t.Error("signed with a public key")
	}
	for _, wrong := range []string{"whpk_", "whpk_AAAA", "whsk_AAAA", "whpk_?"} {
		if _, err := StandardWebhooks().proof([]string{wrong}); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
