package ingress

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is still what some senders sign with
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// How a signature is written in its header.
const (
	Hex    = "hex"    // in either case
	Base64 = "base64" // the standard alphabet, padded
)

// Hashes that an HMAC may be made with.
const (
	SHA1   = "sha1" // only for senders that know nothing better
	SHA256 = "sha256"
	SHA512 = "sha512"
)

// KeyWhsec says that a secret is base64, with or without `whsec_` before it.
const KeyWhsec = "whsec"

const (
	defaultTolerance = 5 * time.Minute
	maxSignatures    = 16 // of one header; more is not a key rotation
)

// An HMAC verifier proves a sender by an HMAC in a header.
type HMAC struct {
	Hash      string        // SHA256 (default), SHA512 or SHA1
	Header    string        // where the signature is
	Encoding  string        // Hex (default) or Base64
	Prefix    string        // before each signature, such as "sha256="
	Separator string        // between several signatures in the header; "" = only one is sent
	Signed    string        // what is signed: {body} (default), {header.Name} and {timestamp}
	Timestamp string        // header with the time of signing in Unix seconds, or what it begins with in Header, such as "t="; "" = none is sent
	Tolerance time.Duration // how far that time may be off, either way; default 5 minutes
	Key       string        // how the secret is written: "" as it is, or KeyWhsec
}

// hmacProof is an HMAC verifier with its template parsed and its keys decoded.
type hmacProof struct {
	HMAC
	hash   func() hash.Hash
	size   int
	signed template
	keys   [][]byte
	states []*sync.Pool // of each key, states of its hash
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
	if c.Timestamp != "" {
		c.Signed = strings.ReplaceAll(c.Signed, "{timestamp}", "{header."+c.timestamp()+"}")
	}
	p := hmacProof{HMAC: c}
	if p.hash, p.size = hashOf(c.Hash); p.hash == nil {
		return nil, fmt.Errorf("hmac.hash: expected sha256, sha512 or sha1, got %q", c.Hash)
	}
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
	if c.Timestamp != "" && !p.signed.covers(c.timestamp()) {
		return nil, errors.New("hmac.signed: expected {timestamp} in it, or anybody could change the time")
	}
	if c.within() != "" && c.Separator == "" {
		return nil, errors.New("hmac.separator: expected what is between the time and the signature, such as a comma")
	}
	for _, secret := range secrets {
		key, err := c.key(secret)
		if err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
		p.states = append(p.states, &sync.Pool{New: func() any { return hmac.New(p.hash, key) }})
	}
	return p, nil
}

// hashOf returns a hash and the size of its sums; nil when there is none such.
func hashOf(name string) (func() hash.Hash, int) {
	switch name {
	case "", SHA256:
		return sha256.New, sha256.Size
	case SHA512:
		return sha512.New, sha512.Size
	case SHA1:
		return sha1.New, sha1.Size
	}
	return nil, 0
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

func (p hmacProof) glance(e *evidence) error {
	h := e.header
	if err := once(h, p.Header); err != nil {
		return err
	}
	for _, piece := range p.signed {
		if piece.header == "" || piece.header == signedWithin {
			continue
		}
		if err := once(h, piece.header); err != nil {
			return err
		}
	}
	return nil
}

func (p hmacProof) prove(_ context.Context, e *evidence) error {
	if err := p.glance(e); err != nil {
		return err
	}
	if err := p.timely(e); err != nil {
		return err
	}
	given, err := p.signatures(e.header.Get(p.Header))
	if err != nil {
		return err
	}
	return p.compare(given, e)
}

// compare looks for the sum of one of the keys among the signatures, at all of them.
func (p hmacProof) compare(given [][]byte, e *evidence) error {
	proven := 0
	for i := range p.keys {
		want := p.sum(i, e)
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
func (p hmacProof) timely(e *evidence) error {
	if p.Timestamp == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(p.value(e, p.timestamp()), 10, 64)
	if err != nil {
		return fmt.Errorf("header %s: expected Unix seconds", p.Timestamp)
	}
	now := e.now
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
		if sum, err := p.decode(text); err == nil && len(sum) == p.size {
			all = append(all, sum)
		}
	}
	if len(all) == 0 {
		before := ""
		if p.Prefix != "" {
			before = fmt.Sprintf("%q followed by ", p.Prefix)
		}
		return nil, fmt.Errorf("header %s: expected %san %s in %s, and nothing else", p.Header, before, p.algorithm(), p.Encoding)
	}
	return all, nil
}

// algorithm names the HMAC as people write it.
func (p hmacProof) algorithm() string {
	if p.Hash == "" {
		return "HMAC-SHA256"
	}
	return "HMAC-" + strings.ToUpper(p.Hash)
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

// sum signs with one of the keys.
func (p hmacProof) sum(key int, e *evidence) []byte {
	mac := p.states[key].Get().(hash.Hash)
	defer p.states[key].Put(mac)
	mac.Reset()
	p.write(mac, e)
	return mac.Sum(nil)
}

// write writes what is signed.
func (p hmacProof) write(to io.Writer, e *evidence) {
	for _, piece := range p.signed {
		part := []byte(piece.text)
		switch {
		case piece.raw:
			part = e.body
		case piece.header != "":
			part = []byte(p.value(e, piece.header))
		}
		_, _ = to.Write(part) // to a hash or to memory, which take everything
	}
}

// stamp sets the headers that are signed besides the body.
func (p hmacProof) stamp(h http.Header, now time.Time) {
	for _, piece := range p.signed {
		if piece.header != "" && piece.header != signedWithin && h.Get(piece.header) == "" {
			h.Set(piece.header, "msg_"+rand.Text())
		}
	}
	if p.Timestamp != "" && p.within() == "" {
		h.Set(p.Timestamp, strconv.FormatInt(now.Unix(), 10))
	}
}

func (p hmacProof) challenge() string {
	return fmt.Sprintf("%s header=%q", p.algorithm(), p.Header)
}
