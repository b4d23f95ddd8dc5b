package ingress

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"
)

func TestOnlyCertificatesOfTheCAAreProven(t *testing.T) {
	t.Parallel()
	now := time.Now()
	template := func(change func(*x509.Certificate)) *x509.Certificate {
		c := &x509.Certificate{
			Subject: pkix.Name{CommonName: "etl"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{"etl.example.com"},
		}
		change(c)
		return c
	}
	for name, tt := range map[string]struct {
		template *x509.Certificate
		names    []string
		want     bool
	}{
		"any name":            {template(func(*x509.Certificate) {}), nil, true},
		"its DNS name":        {template(func(*x509.Certificate) {}), []string{"x", "etl.example.com"}, true},
		"its common name":     {template(func(c *x509.Certificate) { c.DNSNames = nil }), []string{"etl"}, true},
		"a common name aside": {template(func(*x509.Certificate) {}), []string{"etl"}, false},
		"another name":        {template(func(*x509.Certificate) {}), []string{"dbt.example.com"}, false},
		"a server's":          {template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), nil, false},
	} {
		leaf, ca := clientCertificate(t, tt.template)
		p, err := MTLS{CA: ca, Names: tt.names}.proof()
		if err != nil {
			t.Fatal(err)
		}
		e := &evidence{certificates: []*x509.Certificate{leaf}, now: now}
		if err := p.prove(t.Context(), e); (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
		stranger, _ := clientCertificate(t, template(func(*x509.Certificate) {}))
		for what, e := range map[string]*evidence{
			"no certificate": {now: now},
			"another CA's":   {certificates: []*x509.Certificate{stranger}, now: now},
			"an expired one": {certificates: []*x509.Certificate{leaf}, now: now.Add(2 * time.Hour)},
		} {
			if p.prove(t.Context(), e) == nil {
				t.Errorf("%s: proven with %s", name, what)
			}
		}
	}
}

func TestAddressesAreComparedAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	list := []string{"192.0.2.0/24", "198.51.100.7", "::ffff:203.0.113.0/120", "2001:db8::/32"}
	for address, want := range map[string]bool{
		"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.3.1": false, "198.51.100.7": true, "198.51.100.8": false,
		"203.0.113.9": true, "::ffff:203.0.113.9": true, "203.0.114.9": false, "2001:db8::1": true, "2001:db9::1": false, "::1": false, "": false,
	} {
		p, err := ipProofOf(list)
		if err != nil {
			t.Fatal(err)
		}
		parsed, _ := netip.ParseAddr(address)
		if got := p.glance(&evidence{address: parsed.Unmap()}) == nil; got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	for _, wrong := range []string{"", "192.0.2.1/24", "192.0.2", "::ffff:1.2.3.4/40", "fe80::1%eth0", "10.0.0.0/33", "example.com"} {
		if _, err := ipProofOf([]string{wrong}); err == nil {
			t.Errorf("%q is a network", wrong)
		}
	}
}

func TestOnlyWhatTrustedProxiesAppendedIsBelieved(t *testing.T) {
	t.Parallel()
	proxies, err := parseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	in := &Ingress{proxies: proxies}
	for _, tt := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"127.0.0.1", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"127.0.0.1, 198.51.100.1:50023"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"[2001:db8::1]:50023, 10.0.0.2:443"}, "2001:db8::1"},
		{"[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded, "X-Real-Ip": {"127.0.0.1"}}}
		if got := in.addressOf(r).String(); got != tt.want {
			t.Errorf("%s %v: %s, want %s", tt.peer, tt.forwarded, got, tt.want)
		}
	}
}

func TestWaysToProveCombine(t *testing.T) {
	t.Parallel()
	one, two := "the-first-secret-of-all", "the-second-secret-of-all"
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("203.0.113.1")
	ip := Verifier{IP: []string{"192.0.2.0/24"}}
	bearer := func(secret ...string) Verifier { v := Bearer(); v.Secrets = secret; return v }
	query := func(secret ...string) Verifier { return Verifier{Query: &Query{}, Secrets: secret} }
	for name, tt := range map[string]struct {
		verifier Verifier
		header   string
		query    string
		address  netip.Addr
		want     bool
	}{
		"all, both":                {Verifier{All: []Verifier{ip, bearer(one)}}, "Bearer " + one, "", here, true},
		"all, one":                 {Verifier{All: []Verifier{ip, bearer(one)}}, "Bearer " + one, "", there, false},
		"all, the other":           {Verifier{All: []Verifier{ip, bearer(one)}}, "", "", here, false},
		"any, the first":           {Verifier{Any: []Verifier{bearer(one), query(two)}}, "Bearer " + one, "", there, true},
		"any, the second":          {Verifier{Any: []Verifier{bearer(one), query(two)}}, "", two, there, true},
		"any, secrets swapped":     {Verifier{Any: []Verifier{bearer(one), query(two)}}, "Bearer " + two, one, there, false},
		"any, none":                {Verifier{Any: []Verifier{bearer(one), query(two)}}, "", "", there, false},
		"any in all":               {Verifier{All: []Verifier{ip, {Any: []Verifier{bearer(one), query(two)}}}}, "", two, here, true},
		"any in all, from outside": {Verifier{All: []Verifier{ip, {Any: []Verifier{bearer(one), query(two)}}}}, "", two, there, false},
	} {
		p, err := tt.verifier.proof(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		e := &evidence{header: http.Header{}, query: url.Values{}, address: tt.address, now: time.Now()}
		if tt.header != "" {
			e.header.Set("Authorization", tt.header)
		}
		if tt.query != "" {
			e.query.Set("token", tt.query)
		}
		if err := p.prove(t.Context(), e); (err == nil) != tt.want || (p.glance(e) == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
		e.query.Add("token", tt.query)
		if tt.query != "" && p.prove(t.Context(), e) == nil {
			t.Errorf("%s: proven with the parameter twice", name)
		}
		if p.challenge() == "" {
			t.Errorf("%s: a refusal does not say what to send", name)
		}
	}
}

func TestSecretsGoToTheWaysThatTheyAreWrittenFor(t *testing.T) {
	t.Parallel()
	gitlab := Verifier{Any: []Verifier{StandardWebhooks(), {Token: &Token{Header: "X-Gitlab-Token"}}}}
	if _, err := gitlab.proof([]string{"a plain token!"}); err != nil {
		t.Errorf("a plain secret: %v", err)
	}
	if _, err := gitlab.proof([]string{"whsec_c2VjcmV0IG9mIHRoZSB0ZXN0", "a plain token!"}); err != nil {
		t.Errorf("one of each: %v", err)
	}
	for name, tt := range map[string]struct {
		verifier Verifier
		secrets  []string
	}{
		"none of them takes it": {Verifier{Any: []Verifier{StandardWebhooks()}}, []string{"a plain token!"}},
		"one is taken, one not": {Verifier{Any: []Verifier{StandardWebhooks(), {IP: []string{"::1"}}}}, []string{"whsec_c2VjcmV0", "a plain token!"}},
		"no secret":             {gitlab, nil},
		"none in all":           {Verifier{All: []Verifier{{None: true}, Bearer()}}, []string{"x"}},
		"all and any":           {Verifier{All: []Verifier{Bearer()}, Any: []Verifier{Bearer()}}, []string{"x"}},
		"all and another":       {Verifier{All: []Verifier{Bearer()}, IP: []string{"::1"}}, []string{"x"}},
		"too deep":              {Verifier{All: []Verifier{{All: []Verifier{{All: []Verifier{{All: []Verifier{Bearer()}}}}}}}}, []string{"x"}},
	} {
		if _, err := tt.verifier.proof(tt.secrets); err == nil {
			t.Errorf("%s: compiles", name)
		}
	}
}
