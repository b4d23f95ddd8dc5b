package ingress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"
)

// The scheme of Stripe and of those who follow it: Stripe-Signature: t=..,v1=..
func TestTimeWithinTheSignaturesHeaderIsSignedAndJudged(t *testing.T) {
	t.Parallel()
	const secret, body, at = "whsec_test_secret", `{"id":"evt_1"}`, "1700000000"
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "." + body))
	sum := hex.EncodeToString(mac.Sum(nil))
	v := Verifier{HMAC: &HMAC{Header: "Stripe-Signature", Prefix: "v1=", Separator: ",", Timestamp: "t=", Signed: "{timestamp}.{body}"}}
	p := shown(proofOf(t, v, secret))
	now := time.Unix(1700000000, 0)
	for header, want := range map[string]bool{
		"t=" + at + ",v1=" + sum:              true,
		"t=" + at + ",v0=00,v1=" + sum:        true,
		"t=1700000001,v1=" + sum:              false,
		"v1=" + sum:                           false,
		"t=,v1=" + sum:                        false,
		"t=" + at:                             false,
		"t=1700000001,t=" + at + ",v1=" + sum: false,
		"t=" + at + ";v1=" + sum:              false,
	} {
		err := p.prove(http.Header{"Stripe-Signature": {header}, signedWithin: {at}}, []byte(body), now)
		if (err == nil) != want {
			t.Errorf("%s: %v", header, err)
		}
	}
	for _, off := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
		if p.prove(http.Header{"Stripe-Signature": {"t=" + at + ",v1=" + sum}}, []byte(body), now.Add(off)) == nil {
			t.Errorf("proven %s off", off)
		}
	}
	e := &evidence{header: http.Header{}, body: []byte(body), now: now}
	if err := proofOf(t, v, secret).sign(e); err != nil || e.header.Get("Stripe-Signature") != "t="+at+",v1="+sum {
		t.Errorf("signed as %s, %v", e.header, err)
	}
	for _, wrong := range []HMAC{
		{Header: "S", Prefix: "v1=", Timestamp: "t=", Signed: "{timestamp}.{body}"},
		{Header: "S", Prefix: "v1=", Separator: ",", Timestamp: "t="},
	} {
		if _, err := wrong.proof([]string{secret}); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}
