package ingress

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Token verifier proves a sender by a secret sent as it is, in a header.
type Token struct {
	Header string // where the secret is
	Scheme string // the word before it, such as "Bearer", in either case; "" = none
}

// A Basic verifier proves a sender by HTTP basic authentication (RFC 7617); the
// source's secrets are passwords.
type Basic struct {
	User string
}

// A Query verifier proves a sender by a secret in the address, for senders that
// can send nothing else. Proxies write addresses into their logs: prefer any other.
type Query struct {
	Name string // of the parameter; default token
}

// once refuses a header that is missing or comes more than once: programs differ
// in which of two they believe.
func once(h http.Header, name string) error {
	switch values := h.Values(name); {
	case len(values) == 0 || values[0] == "":
		return fmt.Errorf("header %s is missing", name)
	case len(values) > 1:
		return fmt.Errorf("header %s comes %d times, expected once", name, len(values))
	}
	return nil
}

// validHeader reports whether the name can be an HTTP header.
func validHeader(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// A digest stands for a secret, so that comparing takes the same time whatever
// was sent, also when the lengths differ.
type digest [sha256.Size]byte

// anyOf reports whether the text has one of the digests, looking at all of them.
func anyOf(text string, digests []digest) bool {
	got, found := digest(sha256.Sum256([]byte(text))), 0
	for _, want := range digests {
		found |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return found == 1
}

func digestsOf(secrets []string) []digest {
	all := make([]digest, len(secrets))
	for i, secret := range secrets {
		all[i] = sha256.Sum256([]byte(secret))
	}
	return all
}

type tokenProof struct {
	Token
	digests []digest
	first   string
}

func (c Token) proof(secrets []string) (proof, error) {
	if !validHeader(c.Header) {
		return nil, fmt.Errorf("token.header: expected the name of an HTTP header, got %q", c.Header)
	}
	return tokenProof{Token: c, digests: digestsOf(secrets), first: secrets[0]}, nil
}

func (p tokenProof) glance(e *evidence) error {
	h := e.header
	if err := once(h, p.Header); err != nil {
		return err
	}
	token := h.Get(p.Header)
	if p.Scheme != "" {
		scheme, rest, _ := strings.Cut(token, " ")
		if !strings.EqualFold(scheme, p.Scheme) {
			return fmt.Errorf("header %s: expected %q and the secret", p.Header, p.Scheme)
		}
		token = strings.TrimLeft(rest, " ")
	}
	if !anyOf(token, p.digests) {
		return errMismatch
	}
	return nil
}

func (p tokenProof) prove(_ context.Context, e *evidence) error { return p.glance(e) }

func (p tokenProof) sign(e *evidence) error {
	e.header.Set(p.Header, strings.TrimLeft(p.Scheme+" "+p.first, " "))
	return nil
}

func (p tokenProof) challenge() string {
	if p.Scheme != "" {
		return p.Scheme
	}
	return fmt.Sprintf("Token header=%q", p.Header)
}

type basicProof struct {
	user    []digest
	digests []digest
	name    string
	first   string
}

func (c Basic) proof(secrets []string) (proof, error) {
	if c.User == "" || strings.Contains(c.User, ":") {
		return nil, errors.New("basic.user: expected a name without a colon")
	}
	return basicProof{user: digestsOf([]string{c.User}), digests: digestsOf(secrets), name: c.User, first: secrets[0]}, nil
}

func (p basicProof) glance(e *evidence) error {
	h := e.header
	if err := once(h, "Authorization"); err != nil {
		return err
	}
	user, password, ok := (&http.Request{Header: h}).BasicAuth()
	if !ok {
		return errors.New("header Authorization: expected Basic and base64 of user:password")
	}
	known, proven := anyOf(user, p.user), anyOf(password, p.digests)
	if !known || !proven {
		return errMismatch
	}
	return nil
}

func (p basicProof) prove(_ context.Context, e *evidence) error { return p.glance(e) }

func (p basicProof) sign(e *evidence) error {
	r := http.Request{Header: e.header}
	r.SetBasicAuth(p.name, p.first)
	return nil
}

func (p basicProof) challenge() string { return `Basic realm="gateway", charset="UTF-8"` }

const defaultParameter = "token"

type queryProof struct {
	name    string
	digests []digest
	first   string
}

func (c Query) name() string { return cmp.Or(c.Name, defaultParameter) }

func (c Query) proof(secrets []string) (proof, error) {
	return queryProof{name: c.name(), digests: digestsOf(secrets), first: secrets[0]}, nil
}

func (p queryProof) glance(e *evidence) error {
	switch values := e.query[p.name]; {
	case len(values) == 0 || values[0] == "":
		return fmt.Errorf("the address has no parameter %s", p.name)
	case len(values) > 1:
		return fmt.Errorf("the address has the parameter %s %d times, expected once", p.name, len(values))
	case !anyOf(values[0], p.digests):
		return errMismatch
	}
	return nil
}

func (p queryProof) prove(_ context.Context, e *evidence) error { return p.glance(e) }

func (p queryProof) sign(e *evidence) error {
	e.query.Set(p.name, p.first)
	return nil
}

func (p queryProof) challenge() string { return fmt.Sprintf("Token parameter=%q", p.name) }
