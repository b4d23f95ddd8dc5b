package ingress

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // signature version 1 of Amazon SNS is SHA1
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// An SNS verifier proves that Amazon SNS signed a message for one of the topics.
// Everybody with an account at Amazon can have SNS sign for a topic of theirs, so
// the topics are what counts.
type SNS struct {
	Topics []string // ARNs
}

// snsTolerance is how old a message may be. SNS tries for at most an hour; what
// is older is a replay.
const snsTolerance = 2 * time.Hour

// snsFields is how many fields a message may have; SNS sends ten or so. Of what anybody may
// send, no more is looked at.
const snsFields = 64

// snsHost is where Amazon SNS keeps its certificates, and answers confirmations.
const snsHost = `^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$`

type snsProof struct {
	topics []string
	host   *regexp.Regexp
}

func (c SNS) proof() (proof, error) {
	if len(c.Topics) == 0 {
		return nil, errors.New("sns.topics: is missing: everybody can have a topic of their own signed; add `verify: {sns: {topics: [arn:aws:sns:...]}}`")
	}
	for _, topic := range c.Topics {
		if parts := strings.Split(topic, ":"); len(parts) != 6 || parts[0] != "arn" || parts[2] != "sns" || parts[5] == "" {
			return nil, fmt.Errorf("sns.topics: expected ARNs such as arn:aws:sns:eu-west-1:123456789012:loads, got %q", topic)
		}
	}
	return snsProof{topics: c.Topics, host: regexp.MustCompile(snsHost)}, nil
}

// signedBySNS reports whether nothing passes the verifier that Amazon SNS did not sign.
func (v Verifier) signedBySNS() bool {
	if len(v.Any) > 0 {
		return !slices.ContainsFunc(v.Any, func(inner Verifier) bool { return !inner.signedBySNS() })
	}
	return v.SNS != nil || slices.ContainsFunc(v.All, Verifier.signedBySNS)
}

func (p snsProof) glance(*evidence) error { return nil }

func (p snsProof) prove(ctx context.Context, e *evidence) error {
	value, err := readBody(e.body)
	if err != nil {
		return fmt.Errorf("expected a message of Amazon SNS: %w", err)
	}
	if !value.Narrow(snsFields) {
		return fmt.Errorf("expected a message of Amazon SNS, which is an object of at most %d fields", snsFields)
	}
	signed, err := p.signed(value)
	if err != nil {
		return err
	}
	if err := p.timely(value, e.now); err != nil {
		return err
	}
	text := func(name string) string { v, _ := scalar(value.At(name)); return v }
	signature, err := base64.StdEncoding.Strict().DecodeString(text("Signature"))
	if err != nil {
		return errors.New("the field Signature: expected base64")
	}
	address := text("SigningCertURL")
	if !p.signer(address) {
		return errors.New("SigningCertURL: expected a certificate at sns.<region>.amazonaws.com")
	}
	key, err := e.outside.certificate(ctx, address, e.now)
	if err != nil {
		return err
	}
	hash, sum := crypto.SHA1, sha1.Sum([]byte(signed))
	digest := sum[:]
	if text("SignatureVersion") == "2" {
		strong := sha256.Sum256([]byte(signed))
		hash, digest = crypto.SHA256, strong[:]
	}
	if rsa.VerifyPKCS1v15(key, hash, digest, signature) != nil {
		return errMismatch
	}
	return nil
}

// signed returns what the signature of a message covers: names and values of some
// fields, in the order of their bytes. Fields are looked up by their exact names,
// as the preset does: a reader that also took `messageid` could be shown two.
func (p snsProof) signed(message *rules.Tree) (string, error) {
	fields := []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	kind, _ := scalar(message.At("Type"))
	switch kind {
	case snsNotification:
		fields = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	case snsSubscribe, snsUnsubscribe:
	default:
		return "", errors.New("the field Type: expected a message of Amazon SNS")
	}
	if version, _ := scalar(message.At("SignatureVersion")); version != "1" && version != "2" {
		return "", errors.New("SignatureVersion: expected 1 or 2")
	}
	var signed strings.Builder
	for _, field := range fields {
		value := message.At(field).Raw()
		if field == "Subject" && (value == nil || value[0] == 'n') {
			continue
		}
		text, ok := rules.Text(value)
		if !ok {
			return "", fmt.Errorf("%s: expected text", field)
		}
		signed.WriteString(field + "\n" + text + "\n")
	}
	if topic, _ := rules.Text(message.At("TopicArn").Raw()); !slices.Contains(p.topics, topic) {
		return "", errors.New("TopicArn: this topic is not among those that the source takes")
	}
	return signed.String(), nil
}

// Types of messages of Amazon SNS.
const (
	snsNotification = "Notification"
	snsSubscribe    = "SubscriptionConfirmation"
	snsUnsubscribe  = "UnsubscribeConfirmation"
)

func (p snsProof) timely(message *rules.Tree, now time.Time) error {
	text, _ := scalar(message.At("Timestamp"))
	sent, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return errors.New("the field Timestamp: expected a time such as 2026-11-23T16:00:00.000Z")
	}
	if sent.Before(now.Add(-snsTolerance)) || sent.After(now.Add(defaultTolerance)) {
		return fmt.Errorf("the field Timestamp is more than %s off this server's clock", snsTolerance)
	}
	return nil
}

// signer reports whether the address is one of Amazon's certificates for SNS.
func (p snsProof) signer(address string) bool {
	u, ok := p.own(address)
	return ok && u.RawQuery == "" && strings.HasSuffix(u.Path, ".pem")
}

// own parses an address of Amazon SNS itself.
func (p snsProof) own(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	ok := err == nil && u.Scheme == "https" && u.User == nil && u.Fragment == "" && u.Opaque == "" && p.host.MatchString(u.Host)
	return u, ok
}

func (p snsProof) sign(*evidence) error {
	return errors.New("sns: only Amazon SNS can sign; use the topic's `Publish message`")
}

func (p snsProof) challenge() string { return "SNS" }

// certificate returns the key of the certificate at an address, which is kept.
func (o *outside) certificate(ctx context.Context, address string, now time.Time) (*rsa.PublicKey, error) {
	kept, err := o.keep("certificate "+address, func() (any, error) {
		if !o.allow(address, now) {
			return nil, fmt.Errorf("%w: %w", errKeys, errEarly)
		}
		text, err := o.get(ctx, address)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%w: SigningCertURL has no certificate", errKeys)
		}
		return x509.ParseCertificate(block.Bytes)
	})
	if err != nil {
		return nil, err
	}
	certificate := kept.(*x509.Certificate)
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || now.Before(certificate.NotBefore) || now.After(certificate.NotAfter) {
		return nil, errors.New("SigningCertURL: expected a certificate with an RSA key that is valid today")
	}
	return key, nil
}
