package ingress

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
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

func TestOnlyAmazonsSignatureForOurTopicIsProven(t *testing.T) {
	t.Parallel()
	now := time.Now()
	right, theirs := newAmazon(t, now.Add(time.Hour)), newAmazon(t, now.Add(time.Hour))
	p, err := SNS{Topics: []string{snsTopic}}.proof()
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) map[string]any {
		fields := notice(now)
		fields[name] = value
		return fields
	}
	changed := func(name string, value any) []byte {
		var fields map[string]any
		if err := json.Unmarshal(right.message(t, "1", notice(now)), &fields); err != nil {
			t.Fatal(err)
		}
		fields[name] = value
		body, _ := json.Marshal(fields)
		return body
	}
	replay := []byte(strings.Replace(string(right.message(t, "1", notice(now))), `"MessageId":"22`, `"messageid":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","MessageId":"new-22`, 1))
	for name, tt := range map[string]struct {
		body []byte
		want bool
	}{
		"version 1":                   {right.message(t, "1", notice(now)), true},
		"version 2":                   {right.message(t, "2", notice(now)), true},
		"no subject":                  {right.message(t, "1", with("Subject", nil)), true},
		"a confirmation":              {right.message(t, "1", confirmation(now, "https://sns.eu-west-1.amazonaws.com/?Action=x")), true},
		"sent an hour ago":            {right.message(t, "1", notice(now.Add(-time.Hour))), true},
		"sent yesterday":              {right.message(t, "1", notice(now.Add(-24*time.Hour))), false},
		"from the future":             {right.message(t, "1", notice(now.Add(time.Hour))), false},
		"another topic":               {right.message(t, "1", with("TopicArn", "arn:aws:sns:eu-west-1:999999999999:eve")), false},
		"another's signature":         {theirs.message(t, "1", notice(now)), false},
		"version 1 said to be 2":      {changed("SignatureVersion", "2"), false},
		"version 3":                   {changed("SignatureVersion", "3"), false},
		"another message":             {changed("Message", "{}"), false},
		"another id":                  {changed("MessageId", "x"), false},
		"another time":                {changed("Timestamp", now.Add(time.Minute).UTC().Format(time.RFC3339)), false},
		"two ids":                     {replay, false},
		"a subject added":             {changed("Subject", "x"), false},
		"an unknown type":             {changed("Type", "Other"), false},
		"a certificate of others":     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.example.com/a.pem"), false},
		"a certificate in the clear":  {changed("SigningCertURL", strings.Replace(snsCert, "https", "http", 1)), false},
		"a certificate at a port":     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com:8443/a.pem"), false},
		"a certificate with a user":   {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@example.com/a.pem"), false},
		"a certificate with a query":  {changed("SigningCertURL", snsCert+"?a=.pem"), false},
		"an action for a certificate": {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/?x=.pem"), false},
		"another service's host":      {changed("SigningCertURL", "https://s3.eu-west-1.amazonaws.com/a.pem"), false},
		"a line feed in the host":     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com\n/a.pem"), false},
		"no signature":                {changed("Signature", ""), false},
		"no message":                  {[]byte("{}"), false},
		"no JSON":                     {[]byte("hello"), false},
		"nothing":                     {nil, false},
	} {
		err := p.prove(t.Context(), &evidence{body: tt.body, now: now, outside: newOutside(right)})
		if (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificatesOfAmazonAreFetchedOnceAndHaveToBeValid(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tt := range map[string]struct {
		change func(*amazon)
		want   bool
	}{
		"right":      {func(*amazon) {}, true},
		"404":        {func(a *amazon) { a.answer = 404 }, false},
		"redirected": {func(a *amazon) { a.forward = "https://example.com/a.pem" }, false},
		"no PEM":     {func(a *amazon) { a.pem = []byte("hello") }, false},
		"expired":    {func(a *amazon) { *a = *newAmazon(t, now.Add(-time.Minute)) }, false},
		"too large":  {func(a *amazon) { a.pem = append(make([]byte, fetchMost), a.pem...) }, false},
	} {
		a := newAmazon(t, now.Add(time.Hour))
		tt.change(a)
		p, _ := SNS{Topics: []string{snsTopic}}.proof()
		out := newOutside(a)
		for range 3 {
			if err := p.prove(t.Context(), &evidence{body: a.message(t, "1", notice(now)), now: now, outside: out}); (err == nil) != tt.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(a.asked) != 1 || <-a.asked != snsCert {
			t.Errorf("%s: fetched again or elsewhere", name)
		}
	}
}

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
