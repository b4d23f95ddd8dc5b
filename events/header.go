package events

import (
	"fmt"
	"net/url"
	"strings"
)

// Headers of the gateway's own on journal and dead letter messages. The event's
// attributes are ce- headers, or in the body when the event came structured.
const (
	HeaderSource   = "Gateway-Source"   // configured source
	HeaderRules    = "Gateway-Rules"    // names of the matched rules, separated by commas
	HeaderRevision = "Gateway-Revision" // of the configuration that matched them
	HeaderFacts    = "Gateway-Facts"    // what the preset understood, as JSON
	HeaderReplay   = "Gateway-Replay"   // id of the replay that brought the event again

	HeaderReason   = "Gateway-Reason"   // dead letters: why, from the closed list of reasons
	HeaderRule     = "Gateway-Rule"     // dead letters: the rule concerned; none when it is the event itself
	HeaderHop      = "Gateway-Hop"      // dead letters: where it ended
	HeaderHint     = "Gateway-Hint"     // dead letters: what to do about it, percent-encoded
	HeaderSequence = "Gateway-Sequence" // dead letters: where on the journal it was
	HeaderAttempts = "Gateway-Attempts" // dead letters: how often it was tried; none when it came to no try
)

const (
	headerContentType = "Content-Type"
	attributePrefix   = "ce-"
)

// encodeHeader encodes an attribute's value as the CloudEvents HTTP binding,
// section 3.1.3.2, does: space, double quote, percent sign and everything that
// is not printable ASCII as %XX of its UTF-8.
func encodeHeader(value string) string {
	if !strings.ContainsFunc(value, encoded) {
		return value
	}
	var out strings.Builder
	for i := range len(value) {
		if c := value[i]; encoded(rune(c)) {
			out.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// encoded reports whether a character cannot stay what it is.
func encoded(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '%' }

// decodeHeader undoes encodeHeader.
func decodeHeader(value string) (string, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return "", fmt.Errorf("decode header value: %w", err)
	}
	return text, nil
}
