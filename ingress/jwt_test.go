package ingress

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func bearerOf(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestOnlyTheIssuersTokensForThisSourceAreProven(t *testing.T) {
	t.Parallel()
	issuer, now := newIssuer(t), time.Now()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	verifier := JWT{Issuer: issuer.URL, Audience: "https://gateway.example.com", Claims: map[string][]string{
		"email": {"etl@example.com", "dbt@example.com"}, "email_verified": {"true"},
	}}
	claims := map[string]any{
		"iss": issuer.URL, "aud": "https://gateway.example.com", "sub": "1", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"email": "etl@example.com", "email_verified": true,
	}
	with := func(name string, value any) map[string]any {
		changed := maps.Clone(claims)
		changed[name] = value
		return changed
	}
	unsigned := "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+issuer.URL+`"}`)) + "."
	public := x509.MarshalPKCS1PublicKey(&issuer.key.PublicKey)
	sign := func(claims map[string]any) string { return issuer.token(t, issuer.key, jose.RS256, "k1", claims) }
	for name, tt := range map[string]struct {
		token string
		want  bool
	}{
		"right":                       {sign(claims), true},
		"another of the e-mails":      {sign(with("email", "dbt@example.com")), true},
		"several audiences":           {sign(with("aud", []string{"x", "https://gateway.example.com"})), true},
		"another's e-mail":            {sign(with("email", "eve@example.com")), false},
		"no e-mail":                   {sign(with("email", nil)), false},
		"an e-mail nobody verified":   {sign(with("email_verified", false)), false},
		"another audience":            {sign(with("aud", "https://other.example.com")), false},
		"no audience":                 {sign(with("aud", nil)), false},
		"another issuer":              {sign(with("iss", "https://accounts.example.com")), false},
		"expired":                     {sign(with("exp", now.Add(-time.Minute).Unix())), false},
		"not yet valid":               {sign(with("nbf", now.Add(time.Hour).Unix())), false},
		"never expires":               {sign(with("exp", nil)), false},
		"another key under the id":    {issuer.token(t, other, jose.RS256, "k1", claims), false},
		"a key that nobody knows":     {issuer.token(t, other, jose.RS256, "k2", claims), false},
		"an HMAC with the public key": {issuer.token(t, public, jose.HS256, "k1", claims), false},
		"no signature":                {unsigned, false},
		"no token":                    {"secret", false},
		"nothing":                     {"", false},
	} {
		p, err := verifier.proof()
		if err != nil {
			t.Fatal(err)
		}
		e := &evidence{header: bearerOf(tt.token), now: now, outside: newOutside(nil)}
		if err := p.prove(t.Context(), e); (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownKeysDoNotMakeTheGatewayAskAgainAndAgain(t *testing.T) {
	t.Parallel()
	issuer, now := newIssuer(t), time.Now()
	p, err := JWT{Issuer: issuer.URL, Audience: "a"}.proof()
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": issuer.URL, "aud": "a", "exp": now.Add(time.Hour).Unix()}
	out := newOutside(nil)
	for range 50 {
		e := &evidence{header: bearerOf(issuer.token(t, issuer.key, jose.RS256, rand.Text(), claims)), now: now, outside: out}
		if p.prove(t.Context(), e) == nil {
			t.Fatal("proven with an unknown key")
		}
	}
	if asked := issuer.fetches.Load(); asked > 1 {
		t.Errorf("the issuer was asked for its keys %d times", asked)
	}
	e := &evidence{header: bearerOf(issuer.token(t, issuer.key, jose.RS256, "k1", claims)), now: now, outside: out}
	if err := p.prove(t.Context(), e); err != nil {
		t.Errorf("a right token after them: %v", err)
	}
}

func TestIssuerThatIsDownIsNotTheSendersFault(t *testing.T) {
	t.Parallel()
	issuer, now := newIssuer(t), time.Now()
	token := issuer.token(t, issuer.key, jose.RS256, "k1", map[string]any{"iss": issuer.URL, "aud": "a", "exp": now.Add(time.Hour).Unix()})
	issuer.down.Store(true)
	for _, verifier := range []JWT{{Issuer: issuer.URL, Audience: "a"}, {Issuer: issuer.URL, JWKS: issuer.URL + "/keys", Audience: "a"}} {
		p, err := verifier.proof()
		if err != nil {
			t.Fatal(err)
		}
		out := newOutside(nil)
		for range 2 {
			err := p.prove(t.Context(), &evidence{header: bearerOf(token), now: now, outside: out})
			if !errors.Is(err, errKeys) {
				t.Errorf("%v", err)
			}
		}
	}
}
