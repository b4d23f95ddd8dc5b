package ingress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// A JWT verifier proves a sender by a token that an issuer signed, sent as
// `Authorization: Bearer` (RFC 7519, OpenID Connect Discovery 1.0). Only
// asymmetric signatures count.
type JWT struct {
	Issuer   string              // of the token, exactly
	JWKS     string              // where the issuer's keys are; "" = as its discovery document says
	Audience string              // whom the token has to be for
	Claims   map[string][]string // what else it has to say: for each claim, one of the values

	// Needs lists claims that have to be in Claims, because without them the issuer
	// would let in strangers.
	Needs []string
}

type jwtProof struct{ JWT }

func (c JWT) proof() (proof, error) {
	if !fetchable(c.Issuer) {
		return nil, errors.New("jwt.issuer: expected the address of the issuer, beginning with https://")
	}
	if c.JWKS != "" && !fetchable(c.JWKS) {
		return nil, errors.New("jwt.jwks: expected an address that begins with https://")
	}
	if c.Audience == "" {
		return nil, errors.New("jwt.audience: is missing: a token for somebody else would do as well")
	}
	for _, claim := range c.Needs {
		if len(c.Claims[claim]) == 0 {
			return nil, fmt.Errorf("jwt.claims: expected %s: this issuer gives tokens to everybody", claim)
		}
	}
	for claim, values := range c.Claims {
		if len(values) == 0 || slices.Contains(values, "") {
			return nil, fmt.Errorf("jwt.claims: expected a value for %s", claim)
		}
	}
	return jwtProof{c}, nil
}

// fetchable reports whether keys can be fetched there unchanged by others: over
// TLS, or from this machine.
func fetchable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	host := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && host != nil && host.IsLoopback()
}

func (p jwtProof) glance(e *evidence) error {
	if err := once(e.header, "Authorization"); err != nil {
		return err
	}
	scheme, token, _ := strings.Cut(e.header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.Count(token, ".") != 2 {
		return errors.New("header Authorization: expected Bearer and a JSON Web Token")
	}
	return nil
}

func (p jwtProof) prove(ctx context.Context, e *evidence) error {
	if err := p.glance(e); err != nil {
		return err
	}
	_, raw, _ := strings.Cut(e.header.Get("Authorization"), " ")
	keys, err := e.outside.keysOf(ctx, p.JWT, e.now)
	if err != nil {
		return err
	}
	asked := &asking{keys: keys}
	token, err := oidc.NewVerifier(p.Issuer, asked, &oidc.Config{
		ClientID:             p.Audience,
		SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA},
		Now:                  func() time.Time { return e.now },
	}).Verify(ctx, strings.TrimLeft(raw, " "))
	switch {
	case asked.unreachable:
		return fmt.Errorf("%w: %w", errKeys, err)
	case err != nil:
		return fmt.Errorf("the token is refused: %w", err)
	}
	var said map[string]any
	if err := token.Claims(&said); err != nil {
		return fmt.Errorf("the token is refused: %w", err)
	}
	for claim, values := range p.Claims {
		if !says(said[claim], values) {
			return fmt.Errorf("the token is refused: its claim %s is not what this source asks for", claim)
		}
	}
	return nil
}

// says reports whether a claim has one of the values; a list has, when one of its
// items has.
func says(claim any, values []string) bool {
	switch v := claim.(type) {
	case string:
		return slices.Contains(values, v)
	case bool:
		return slices.Contains(values, strconv.FormatBool(v))
	case float64:
		return slices.Contains(values, strconv.FormatFloat(v, 'f', -1, 64))
	case []any:
		return slices.ContainsFunc(v, func(item any) bool {
			text, ok := item.(string)
			return ok && slices.Contains(values, text)
		})
	}
	return false
}

func (p jwtProof) sign(*evidence) error {
	return fmt.Errorf("jwt: only %s can make a token", p.Issuer)
}

func (p jwtProof) challenge() string { return "Bearer" }

// A keyring is the keys of one issuer.
type keyring struct {
	set  oidc.KeySet
	gate *keyGate
}

// keyGate lets one address be asked only so often, since go-oidc asks for every
// token that names an unknown key.
type keyGate struct {
	http.RoundTripper
	of *outside

	mu   sync.Mutex
	down error // of the last fetch; nil = it worked
}

// RoundTrip fetches keys, unless they were fetched a moment ago.
func (g *keyGate) RoundTrip(r *http.Request) (*http.Response, error) {
	if !g.of.allow(r.URL.String(), time.Now()) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.down != nil {
			return nil, g.down
		}
		return nil, errEarly
	}
	response, err := g.RoundTripper.RoundTrip(r)
	down := err
	if err == nil && response.StatusCode != http.StatusOK {
		down = fmt.Errorf("%s answers %d", r.URL.Host, response.StatusCode)
	}
	g.mu.Lock()
	g.down = down
	g.mu.Unlock()
	return response, err
}

func (g *keyGate) failing() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.down != nil
}

// asking notes whether a signature was judged at all.
type asking struct {
	keys        *keyring
	unreachable bool
}

// VerifySignature checks a token against the issuer's keys; see oidc.KeySet.
func (a *asking) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := a.keys.set.VerifySignature(ctx, token)
	a.unreachable = err != nil && a.keys.gate.failing()
	return payload, err
}

// keysOf returns the keys of the token's issuer, found by discovery when the
// configuration does not say where they are.
func (o *outside) keysOf(ctx context.Context, c JWT, now time.Time) (*keyring, error) {
	kept, err := o.keep("jwt "+c.Issuer+" "+c.JWKS, func() (any, error) {
		gate := &keyGate{RoundTripper: o.client.Transport, of: o}
		client := *o.client
		client.Transport = gate
		long := oidc.ClientContext(context.Background(), &client)
		if c.JWKS != "" {
			return &keyring{set: oidc.NewRemoteKeySet(long, c.JWKS), gate: gate}, nil
		}
		if !o.allow("discovery "+c.Issuer, now) {
			return nil, fmt.Errorf("%w: %w", errKeys, errEarly)
		}
		body := oidc.ClientContext(ctx, o.client)
		provider, err := oidc.NewProvider(body, c.Issuer)
		if err != nil {
			return nil, fmt.Errorf("%w: discover %s: %w", errKeys, c.Issuer, err)
		}
		var document struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := provider.Claims(&document); err != nil || !fetchable(document.JWKS) {
			return nil, fmt.Errorf("%w: discover %s: jwks_uri is no https address", errKeys, c.Issuer)
		}
		return &keyring{set: oidc.NewRemoteKeySet(long, document.JWKS), gate: gate}, nil
	})
	if err != nil {
		return nil, err
	}
	return kept.(*keyring), nil
}
