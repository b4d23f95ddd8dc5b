package ingress

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How a signature is written in its header.
const (
	Hex    = "hex"    // in either case
	Base64 = "base64" // the standard alphabet, padded
)

// KeyWhsec says that a secret is base64, with or without `whsec_` before it.
const KeyWhsec = "whsec"

const (
	defaultTolerance = 5 * time.Minute
	maxSignatures    = 16 // of one header; more is not a key rotation
)

// An HMAC verifier proves a sender by an HMAC-SHA256 in a header.
type HMAC struct {
	Header    string        // where the signature is
	Encoding  string        // Hex (default) or Base64
	Prefix    string        // before each signature, such as "sha256="
	Separator string        // between several signatures in the header; "" = only one is sent
	Signed    string        // what is signed: {body} (default) and {header.Name}
	Timestamp string        // header with the time of signing in Unix seconds; "" = none is sent
	Tolerance time.Duration // how far that time may be off, either way; default 5 minutes
	Key       string        // how the secret is written: "" as it is, or KeyWhsec
}

// hmacProof is an HMAC verifier with its template parsed and its keys decoded.
type hmacProof struct {
	HMAC
	signed template
	keys   [][]byte
}

func (c HMAC) proof(secrets []string) (proof, error) {
	if c.Signed == "" {
		c.Signed = "{body}"
	}
	if c.Encoding == "" {
		c.Encoding = Hex
	}
	if c.Tolerance == 0 {
		c.Tolerance = defaultTolerance
	}
	p := hmacProof{HMAC: c}
	if !validHeader(c.Header) {
		return nil, fmt.Errorf("hmac.header: expected the name of an HTTP header, got %q", c.Header)
	}
	if c.Encoding != Hex && c.Encoding != Base64 {
		return nil, fmt.Errorf("hmac.encoding: expected hex or base64, got %q", c.Encoding)
	}
	var err error
	if p.signed, err = parseSigned(c.Signed); err != nil {
		return nil, fmt.Errorf("hmac.signed: %w", err)
	}
	if c.Timestamp != "" && !p.signed.covers(c.Timestamp) {
		return nil, fmt.Errorf("hmac.signed: expected {header.%s} in it, or anybody could change the time", c.Timestamp)
	}
	for _, secret := range secrets {
		key, err := c.key(secret)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
	}
	return p, nil
}

// parseSigned reads the template of what is signed: the raw body must be in it,
// once, and nothing that needs the body understood.
func parseSigned(text string) (template, error) {
	t, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	bodies := 0
	for _, p := range t {
		if p.raw {
			bodies++
		}
		if p.path != nil {
			return nil, errors.New("expected only {body} and {header.Name}: a body is not read before it is proven")
		}
	}
	if bodies != 1 {
		return nil, errors.New("expected {body} in it, once")
	}
	return t, nil
}

// covers reports whether the template includes a header.
func (t template) covers(header string) bool {
	for _, p := range t {
		if strings.EqualFold(p.header, header) {
			return true
		}
	}
	return false
}

func (c HMAC) key(secret string) ([]byte, error) {
	switch c.Key {
	case "":
		return []byte(secret), nil
	case KeyWhsec:
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			// The decoder's own error would show a part of the secret.
			return nil, errors.New("secret: expected whsec_ and base64")
		}
		return key, nil
	}
	return nil, fmt.Errorf("hmac.key: expected nothing or %s, got %q", KeyWhsec, c.Key)
}

func (p hmacProof) glance(h http.Header) error {
	if err := once(h, p.Header); err != nil {
		return err
	}
	for _, piece := range p.signed {
		if piece.header == "" {
			continue
		}
		if err := once(h, piece.header); err != nil {
			return err
		}
	}
	return nil
}

func (p hmacProof) prove(h http.Header, body []byte, now time.Time) error {
	if err := p.glance(h); err != nil {
		return err
	}
	if err := p.timely(h, now); err != nil {
		return err
	}
	given, err := p.signatures(h.Get(p.Header))
	if err != nil {
		return err
	}
	proven := 0
	for _, key := range p.keys {
		want := p.sum(key, h, body)
		for _, got := range given {
			if hmac.Equal(want, got) {
				proven++
			}
		}
	}
	if proven == 0 {
		return errMismatch
	}
	return nil
}

// timely refuses a delivery that was signed too long ago, or in the future.
func (p hmacProof) timely(h http.Header, now time.Time) error {
	if p.Timestamp == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(h.Get(p.Timestamp), 10, 64)
	if err != nil {
		return fmt.Errorf("header %s: expected Unix seconds", p.Timestamp)
	}
	signed := time.Unix(seconds, 0)
	if signed.Before(now.Add(-p.Tolerance)) || signed.After(now.Add(p.Tolerance)) {
		return fmt.Errorf("header %s is more than %s off this server's clock: sign each attempt anew and check both clocks", p.Timestamp, p.Tolerance)
	}
	return nil
}

// signatures decodes what the header holds. Signatures of another version, which
// have another prefix, are passed over when several may be sent.
func (p hmacProof) signatures(header string) ([][]byte, error) {
	parts := []string{header}
	if p.Separator != "" {
		parts = strings.SplitN(header, p.Separator, maxSignatures+1)
	}
	if len(parts) > maxSignatures {
		return nil, fmt.Errorf("header %s: expected at most %d signatures", p.Header, maxSignatures)
	}
	var all [][]byte
	for _, part := range parts {
		text, ok := strings.CutPrefix(part, p.Prefix)
		if !ok {
			continue
		}
		if sum, err := p.decode(text); err == nil && len(sum) == sha256.Size {
			all = append(all, sum)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("header %s: expected %q followed by an HMAC-SHA256 in %s", p.Header, p.Prefix, p.Encoding)
	}
	return all, nil
}

func (p hmacProof) decode(text string) ([]byte, error) {
	if p.Encoding == Base64 {
		return base64.StdEncoding.Strict().DecodeString(text)
	}
	return hex.DecodeString(text)
}

func (p hmacProof) encode(sum []byte) string {
	if p.Encoding == Base64 {
		return base64.StdEncoding.EncodeToString(sum)
	}
	return hex.EncodeToString(sum)
}

func (p hmacProof) sum(key []byte, h http.Header, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, piece := range p.signed {
		switch {
		case piece.raw:
			mac.Write(body)
		case piece.header != "":
			mac.Write([]byte(h.Get(piece.header)))
		default:
			mac.Write([]byte(piece.text))
		}
	}
	return mac.Sum(nil)
}

func (p hmacProof) sign(h http.Header, body []byte, now time.Time) {
	for _, piece := range p.signed {
		if piece.header != "" && h.Get(piece.header) == "" {
			h.Set(piece.header, "msg_"+rand.Text())
		}
	}
	if p.Timestamp != "" {
		h.Set(p.Timestamp, strconv.FormatInt(now.Unix(), 10))
	}
	h.Set(p.Header, p.Prefix+p.encode(p.sum(p.keys[0], h, body)))
}

func (p hmacProof) challenge() string {
	return fmt.Sprintf("HMAC-SHA256 header=%q", p.Header)
}
