package ingress

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func TestVendorsVectorsAreProven(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			now := time.Unix(v.Now, 0)
			p := shown(proofOf(t, v.verifier(), v.Secret))
			if err := p.prove(v.header(), []byte(v.Body), now); err != nil {
				t.Errorf("right: %v", err)
			}
			rotated := shown(proofOf(t, v.verifier(), "bmV3IHNlY3JldCBvZiB0aGUgdGVzdA==", v.Secret))
			if err := rotated.prove(v.header(), []byte(v.Body), now); err != nil {
				t.Errorf("while the secret is rotated: %v", err)
			}
			wrong := shown(proofOf(t, v.verifier(), "b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0"))
			if wrong.prove(v.header(), []byte(v.Body), now) == nil {
				t.Error("proven with another secret")
			}
			for at := range len(v.Body) {
				flipped := []byte(v.Body)
				flipped[at] ^= 1
				if p.prove(v.header(), flipped, now) == nil {
					t.Fatalf("proven with byte %d of the body flipped", at)
				}
			}
			if p.prove(v.header(), []byte(v.Body+"\n"), now) == nil {
				t.Error("proven with a line feed more")
			}
			for name := range v.Headers {
				h := v.header()
				h.Del(name)
				if p.prove(h, []byte(v.Body), now) == nil || p.glance(h) == nil {
					t.Errorf("proven without %s", name)
				}
				h = v.header()
				h.Add(name, h.Get(name))
				if p.prove(h, []byte(v.Body), now) == nil {
					t.Errorf("proven with %s twice", name)
				}
			}
		})
	}
}

// Every place of a signature counts: nothing that differs from it in one
// character, or is a part of it, is taken for it.
func TestNearlyRightSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		whole := proofOf(t, v.verifier(), v.Secret)
		p := hmacIn(whole)
		right := v.Headers[http.CanonicalHeaderKey(p.Header)]
		var near []string
		for at := range len(right) {
			near = append(near, right[:at], right[:at]+"x"+right[at+1:], right[:at]+"0"+right[at+1:], right[:at]+" "+right[at:])
		}
		near = append(near, right+"0", right+" ", " "+right, strings.Repeat(right, 2), strings.Repeat("0", 64), "sha256=", "v1,", "v1a,"+right, "null")
		for _, signature := range near {
			if signature == right {
				continue
			}
			h := v.header()
			h.Set(p.Header, signature)
			err := shown(whole).prove(h, []byte(v.Body), time.Unix(v.Now, 0))
			if err == nil && !(p.Separator == " " && strings.TrimSpace(signature) == right) {
				t.Errorf("%s: %q is proven, right is %q", v.Name, signature, right)
			}
		}
	}
}

func TestStandardWebhooksTolerateFiveMinutes(t *testing.T) {
	t.Parallel()
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of the test, long enough"))
	body := []byte(`{"type":"done"}`)
	now := time.Unix(1_800_000_000, 0)
	h := http.Header{}
	if err := StandardWebhooks().Sign(h, body, secret, now); err != nil {
		t.Fatal(err)
	}
	p := shown(proofOf(t, StandardWebhooks(), secret))
	for _, tt := range []struct {
		off  time.Duration
		want bool
	}{
		{0, true}, {5 * time.Minute, true}, {-5 * time.Minute, true},
		{5*time.Minute + time.Second, false}, {-5*time.Minute - time.Second, false}, {24 * time.Hour, false},
	} {
		if got := p.prove(h, body, now.Add(tt.off)) == nil; got != tt.want {
			t.Errorf("%s after signing: proven is %t, want %t", tt.off, got, tt.want)
		}
	}
	for _, stamp := range []string{"", "now", "1800000000.0", "99999999999999999999", "-9223372036854775808", "9223372036854775807", " 1800000000", "0x6B49D200"} {
		h.Set("Webhook-Timestamp", stamp)
		if p.prove(h, body, now) == nil {
			t.Errorf("proven with timestamp %q", stamp)
		}
	}
}

func TestStandardWebhooksAgreeWithTheirLibrary(t *testing.T) {
	t.Parallel()
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of the test, long enough"))
	body := []byte(`{"type":"done"}`)
	theirs, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := StandardWebhooks().Sign(h, body, secret, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Verify(body, h); err != nil {
		t.Errorf("their library refuses our signature: %v", err)
	}
	signature, err := theirs.Sign(h.Get("webhook-id"), time.Now(), body)
	if err != nil {
		t.Fatal(err)
	}
	h.Set("webhook-signature", "v1a,bm90IG91cnM= v1,AAAA "+signature)
	p := shown(proofOf(t, StandardWebhooks(), secret))
	if err := p.prove(h, body, time.Now()); err != nil {
		t.Errorf("we refuse their signature beside others: %v", err)
	}
	h.Set("webhook-signature", strings.Repeat("v1,AAAA ", 100_000)+signature)
	if p.prove(h, body, time.Now()) == nil {
		t.Error("proven by the last of 100001 signatures")
	}
}

func TestEveryVerifierAcceptsWhatItSigns(t *testing.T) {
	t.Parallel()
	whsec := "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"
	now := time.Unix(1_800_000_000, 0)
	for name, v := range map[string]Verifier{
		"none":   {None: true},
		"hmac":   {HMAC: &HMAC{Header: "X-Signature", Prefix: "sha256="}},
		"sha512": {HMAC: &HMAC{Header: "X-Signature", Hash: SHA512}},
		"base64": {HMAC: &HMAC{Header: "X-Signature", Encoding: Base64}},
		"stamped": {HMAC: &HMAC{Header: "X-Signature", Signed: "v0:{timestamp}:{body}", Prefix: "v0=",
			Timestamp: "X-Time", Tolerance: time.Minute}},
		"standard webhooks": StandardWebhooks(),
		"bearer":            Bearer(),
		"token":             {Token: &Token{Header: "X-Gitlab-Token"}},
		"basic":             {Basic: &Basic{User: "etl"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			if err := v.Sign(h, []byte("body"), whsec, now); err != nil {
				t.Fatal(err)
			}
			if err := shown(proofOf(t, v, whsec)).prove(h, []byte("body"), now); err != nil {
				t.Errorf("refused what it signed: %v", err)
			}
			if name == "none" {
				return
			}
			other := shown(proofOf(t, v, "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0"))
			if other.prove(h, []byte("body"), now) == nil {
				t.Error("proven with another secret")
			}
			if other.prove(http.Header{}, []byte("body"), now) == nil {
				t.Error("proven with nothing")
			}
			if other.challenge() == "" {
				t.Error("a refusal does not say what to send")
			}
		})
	}
}

func TestTokensAreComparedWhole(t *testing.T) {
	t.Parallel()
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for _, tt := range []struct {
		name     string
		verifier Verifier
		header   string
		want     bool
	}{
		{"bearer", Bearer(), "Bearer right-secret", true},
		{"bearer in another case", Bearer(), "bearer right-secret", true},
		{"bearer of a prefix", Bearer(), "Bearer right-secre", false},
		{"bearer with more", Bearer(), "Bearer right-secret2", false},
		{"bearer and a space", Bearer(), "Bearer right-secret ", false},
		{"bearer without a word", Bearer(), "right-secret", false},
		{"bearer without a secret", Bearer(), "Bearer ", false},
		{"bearer under another word", Bearer(), "Basic right-secret", false},
		{"basic", Verifier{Basic: &Basic{User: "etl"}}, basic("etl", "right-secret"), true},
		{"basic, other user", Verifier{Basic: &Basic{User: "etl"}}, basic("elt", "right-secret"), false},
		{"basic, other password", Verifier{Basic: &Basic{User: "etl"}}, basic("etl", "right"), false},
		{"basic, no password", Verifier{Basic: &Basic{User: "etl"}}, basic("etl", ""), false},
		{"basic, colon in password", Verifier{Basic: &Basic{User: "etl"}}, basic("etl", "right-secret:"), false},
		{"basic, no base64", Verifier{Basic: &Basic{User: "etl"}}, "Basic etl:right-secret", false},
	} {
		p := shown(proofOf(t, tt.verifier, "old-secret", "right-secret"))
		h := http.Header{"Authorization": {tt.header}}
		if got := p.prove(h, nil, time.Time{}) == nil; got != tt.want {
			t.Errorf("%s: proven is %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestVerifiersThatProveNothingDoNotCompile(t *testing.T) {
	t.Parallel()
	hmacOf := func(change func(*HMAC)) Verifier {
		c := HMAC{Header: "X-Signature"}
		change(&c)
		return Verifier{HMAC: &c}
	}
	for name, tt := range map[string]struct {
		verifier Verifier
		secrets  []string
	}{
		"nothing":                {Verifier{}, []string{"secret"}},
		"two kinds":              {Verifier{None: true, Token: &Token{Header: "X"}}, []string{"secret"}},
		"no secret":              {Bearer(), nil},
		"an empty secret":        {Bearer(), []string{"secret", ""}},
		"no header":              {hmacOf(func(c *HMAC) { c.Header = "" }), []string{"secret"}},
		"no header's name":       {hmacOf(func(c *HMAC) { c.Header = "X Signature" }), []string{"secret"}},
		"an unknown encoding":    {hmacOf(func(c *HMAC) { c.Encoding = "hexadecimal" }), []string{"secret"}},
		"an unknown hash":        {hmacOf(func(c *HMAC) { c.Hash = "md5" }), []string{"secret"}},
		"an unsigned body":       {hmacOf(func(c *HMAC) { c.Signed = "{header.X-Time}" }), []string{"secret"}},
		"the body twice":         {hmacOf(func(c *HMAC) { c.Signed = "{body}{body}" }), []string{"secret"}},
		"a part of the body":     {hmacOf(func(c *HMAC) { c.Signed = "{body}{body.id}" }), []string{"secret"}},
		"an open brace":          {hmacOf(func(c *HMAC) { c.Signed = "{body}{" }), []string{"secret"}},
		"an unsigned time":       {hmacOf(func(c *HMAC) { c.Timestamp = "X-Time" }), []string{"secret"}},
		"an unknown key":         {hmacOf(func(c *HMAC) { c.Key = "base32" }), []string{"secret"}},
		"whsec without base64":   {StandardWebhooks(), []string{"whsec_?"}},
		"whsec of nothing":       {StandardWebhooks(), []string{"whsec_"}},
		"no token header":        {Verifier{Token: &Token{}}, []string{"secret"}},
		"an issuer in the clear": {Verifier{JWT: &JWT{Issuer: "http://issuer.example.com", Audience: "a"}}, nil},
		"keys in the clear":      {Verifier{JWT: &JWT{Issuer: "https://issuer.example.com", JWKS: "http://issuer.example.com", Audience: "a"}}, nil},
		"no audience":            {Verifier{JWT: &JWT{Issuer: "https://issuer.example.com"}}, nil},
		"a claim left out":       {Verifier{JWT: &JWT{Issuer: "https://issuer.example.com", Audience: "a", Needs: []string{"email"}}}, nil},
		"a claim of nothing":     {Verifier{JWT: &JWT{Issuer: "https://issuer.example.com", Audience: "a", Claims: map[string][]string{"email": {""}}}}, nil},
		"no topics":              {Verifier{SNS: &SNS{}}, nil},
		"no topic's ARN":         {Verifier{SNS: &SNS{Topics: []string{"arn:aws:sqs:eu-west-1:1:x"}}}, nil},
		"no CA":                  {Verifier{MTLS: &MTLS{}}, nil},
		"no user":                {Verifier{Basic: &Basic{}}, []string{"secret"}},
		"a colon in a user":      {Verifier{Basic: &Basic{User: "a:b"}}, []string{"secret"}},
	} {
		_, err := tt.verifier.proof(tt.secrets)
		if err == nil {
			t.Errorf("%s compiles", name)
		} else if strings.Contains(err.Error(), "secret_") || strings.Contains(err.Error(), "whsec_?") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
		if tt.verifier.Sign(http.Header{}, nil, strings.Join(tt.secrets, ""), time.Time{}) == nil && len(tt.secrets) == 1 {
			t.Errorf("%s signs", name)
		}
	}
}
