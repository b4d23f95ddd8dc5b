package ingress

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// nowhere is an outside where nothing answers.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("unreachable")
}

// No message is proven by Amazon's verifier that Amazon did not sign: here nobody
// can, since no certificate can be fetched.
func FuzzSNS(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	for _, fields := range []map[string]any{notice(now), confirmation(now, confirmURL)} {
		fields["SignatureVersion"], fields["Signature"], fields["SigningCertURL"] = "1", "AAAA", snsCert
		body, err := json.Marshal(fields)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, snsCert)
	}
	f.Add([]byte("[]"), "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem")
	f.Add([]byte(`{"Type":{}}`), "https://sns.eu-west-1.amazonaws.com@evil/a.pem")
	p, err := SNS{Topics: []string{snsTopic}}.proof()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, address string) {
		if p.prove(t.Context(), &evidence{body: body, now: now, outside: newOutside(nowhere{})}) == nil {
			t.Fatalf("proven: %s", body)
		}
		if u, ok := p.(snsProof).own(address); ok && (u.Scheme != "https" || !strings.HasSuffix(u.Host, ".amazonaws.com") && !strings.HasSuffix(u.Host, ".amazonaws.com.cn") || !strings.HasPrefix(u.Host, "sns.")) {
			t.Fatalf("%q is taken for Amazon's", address)
		}
	})
}

// No token is proven whose keys cannot be fetched.
func FuzzJWT(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLmNvbSJ9.AAAA")
	f.Add("..")
	p, err := JWT{Issuer: "https://issuer.example.com", JWKS: "https://issuer.example.com/keys", Audience: "a"}.proof()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		e := &evidence{header: bearerOf(token), now: time.Unix(1_800_000_000, 0), outside: newOutside(nowhere{})}
		if p.prove(t.Context(), e) == nil {
			t.Fatalf("proven: %q", token)
		}
	})
}

// Tokens, parameters and passwords are proven only when they are the secret.
func FuzzTokens(f *testing.F) {
	const secret = "the-secret-of-the-fuzz-test"
	f.Add("Bearer the-secret-of-the-fuzz-test", "token=the-secret-of-the-fuzz-test")
	f.Add("Basic ZXRsOng=", "token=a&token=b")
	f.Add("bearer  the-secret-of-the-fuzz-test", "%zz=%")
	f.Fuzz(func(t *testing.T, header, query string) {
		values, _ := url.ParseQuery(query)
		e := &evidence{header: http.Header{"Authorization": {header}, "X-Key": {header}}, query: values, now: time.Unix(1, 0)}
		for _, v := range []Verifier{Bearer(), {Token: &Token{Header: "X-Key"}}, {Query: &Query{}}, {Basic: &Basic{User: "etl"}}} {
			err := proofOf(t, v, secret).prove(t.Context(), e)
			if err == nil && !strings.Contains(header, secret) && values.Get("token") != secret && v.Basic == nil {
				t.Fatalf("%s is satisfied by %q, %q", v, header, query)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Fatalf("the refusal shows the secret: %v", err)
			}
		}
	})
}

// Whoever is believed to have sent a request is the peer or was named by a proxy.
func FuzzForwarded(f *testing.F) {
	f.Add("10.0.0.1:1", "198.51.100.1, 10.0.0.2")
	f.Add("192.0.2.1:1", "127.0.0.1")
	f.Add("[fe80::1%eth0]:1", ",,,")
	proxies, err := parseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	in := &Ingress{proxies: proxies}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		got := in.addressOf(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}})
		known, err := netip.ParseAddrPort(peer)
		if err != nil {
			if got.IsValid() {
				t.Fatalf("%q: %s", peer, got)
			}
			return
		}
		if own := known.Addr().Unmap().WithZone(""); !within(proxies, own) && got != own {
			t.Fatalf("%q, %q: %s", peer, forwarded, got)
		}
	})
}

// A body is too deep exactly when its brackets are.
func FuzzDepth(f *testing.F) {
	f.Add([]byte(`{"a":[1,"]","\"["]}`))
	f.Add([]byte(strings.Repeat("[", 65) + strings.Repeat("]", 65)))
	f.Fuzz(func(t *testing.T, body []byte) {
		deep := tooDeep(body)
		var value any
		if json.Unmarshal(body, &value) == nil && deep != (depthOf(value) > maxDepth) {
			t.Fatalf("%t for depth %d", deep, depthOf(value))
		}
	})
}

func depthOf(value any) int {
	deepest := 0
	switch v := value.(type) {
	case map[string]any:
		for _, item := range v {
			deepest = max(deepest, depthOf(item))
		}
	case []any:
		for _, item := range v {
			deepest = max(deepest, depthOf(item))
		}
	default:
		return 0
	}
	return deepest + 1
}

// What a preset's sender asks for in a greeting never panics, whatever is in it.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte(`[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"x"}}]`))
	f.Add([]byte(`{"Type":"SubscriptionConfirmation","SubscribeURL":"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"}`))
	f.Add([]byte(`{"event":"test_event"}`))
	in := &Ingress{outside: newOutside(nowhere{})}
	var all []*source
	for _, p := range Presets() {
		all = append(all, presetSource(f, p.Name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, s := range all {
			answer, err := in.greet(t.Context(), s, message{header: http.Header{"X-Github-Event": {"ping"}}, body: body, arrived: time.Unix(1, 0)})
			if err != nil && (answer != nil || refusalOf(err).result == Broken) {
				t.Fatalf("%s: %v", s.preset, err)
			}
		}
	})
}
