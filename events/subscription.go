package events

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// Defaults of a Subscription.
const (
	DefaultConcurrency  = 4
	DefaultTimeout      = 15 * time.Second
	DefaultDisableAfter = 72 * time.Hour
	DefaultBatch        = 100
	DefaultBatchWithin  = time.Second
)

// largestDelivery bounds a batch in bytes, but for one outcome that is larger.
const largestDelivery = 512 << 10

// A Mode is how a subscription is told of an outcome.
type Mode string

// The modes.
const (
	ModeStructured Mode = "structured" // a CloudEvent in one JSON object
	ModeBinary     Mode = "binary"     // a CloudEvent whose attributes are headers
	ModeBatch      Mode = "batch"      // several CloudEvents in one JSON array
	ModeSlack      Mode = "slack"      // a message as Slack's incoming webhooks take it
	ModeTeams      Mode = "teams"      // a card as Microsoft Teams' workflows take it

	ModeDataFactory Mode = "data-factory" // of callbacks: what Azure Data Factory's Webhook activity waits for
)

// A Subscription is somebody who is told of outcomes over HTTP.
type Subscription struct {
	Name         string
	URL          string           // where to; may hold a secret, so it is never shown whole
	Secrets      []string         // each delivery is signed with all of them; see SigningKey
	When         *rules.Predicate // which outcomes; nil = all
	Mode         Mode             // "" = structured
	Progress     bool             // what goes on as well, not only how things ended
	Unvalidated  bool             // deliver without asking the URL first whether it wants events
	Batch        int              // of ModeBatch: so many outcomes in one delivery at most; 0 = DefaultBatch
	BatchWithin  time.Duration    // of ModeBatch: an outcome waits so long for others at most; 0 = DefaultBatchWithin
	Concurrency  int              // deliveries at a time; 0 = DefaultConcurrency
	Timeout      time.Duration    // of one delivery; 0 = DefaultTimeout
	DisableAfter time.Duration    // so long without one success; 0 = DefaultDisableAfter
	Allow        []netip.Prefix   // networks it may be in besides the public internet
}

// withDefaults returns the subscription with every setting set.
func (s Subscription) withDefaults() Subscription {
	if s.Mode == "" {
		s.Mode = ModeStructured
	}
	if s.Concurrency <= 0 {
		s.Concurrency = DefaultConcurrency
	}
	if s.Batch <= 0 {
		s.Batch = DefaultBatch
	}
	if s.BatchWithin <= 0 {
		s.BatchWithin = DefaultBatchWithin
	}
	if s.Mode != ModeBatch {
		s.Batch, s.BatchWithin = 1, 0
	}
	if s.Timeout <= 0 {
		s.Timeout = DefaultTimeout
	}
	if s.DisableAfter <= 0 {
		s.DisableAfter = DefaultDisableAfter
	}
	return s
}

// asked reports whether the URL is asked for its consent: chats know no such thing.
func (s Subscription) asked() bool {
	return !s.Unvalidated && (s.Mode == ModeStructured || s.Mode == ModeBinary || s.Mode == ModeBatch)
}

// host is what may be shown of where deliveries go.
func (s Subscription) host() string {
	parsed, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return parsed.Host
}

// CheckURL says what is wrong with an address to deliver to, or nil. The error
// shows nothing of the address: there may be a secret in it.
func CheckURL(address string, allow []netip.Prefix) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.User != nil || parsed.Fragment != "" {
		return errors.New("expected an address such as https://hooks.example.com/qlik, without user or fragment")
	}
	if literal, err := netip.ParseAddr(parsed.Hostname()); err == nil {
		return newGuard(allow).check(literal)
	}
	return nil
}

// SigningKey returns the key of a secret: what is base64 behind `whsec_`, as
// Standard Webhooks has it. Another secret is used as it is written, unless it is
// base64, which verifying libraries decode.
func SigningKey(secret string) ([]byte, error) {
	text, standard := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil && standard:
		return nil, errors.New("expected base64 behind whsec_")
	case err != nil:
		key = []byte(secret)
	}
	if len(key) == 0 {
		return nil, errors.New("the secret is empty")
	}
	return key, nil
}
