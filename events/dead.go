package events

import (
	"context"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// longestHint is how many bytes of a hint are kept.
const longestHint = 1000

// DeadLetters keep the events that could not be decoded or planned, as they were,
// with the reason.
type DeadLetters struct {
	js      jetstream.JetStream
	writer  *writer
	stream  string
	subject string
}

// NewDeadLetters returns the dead letters of an existing stream, under
// <subject>.<tenant>.<source>; see broker.Names.
func NewDeadLetters(js jetstream.JetStream, stream, subject string) *DeadLetters {
	return &DeadLetters{js: js, writer: &writer{js: js}, stream: stream, subject: subject}
}

// A Burial says why an event is a dead letter.
type Burial struct {
	Rule     string // the rule concerned; "" when it is the event itself
	Reason   Reason
	Hop      string // where it ended, such as dispatcher
	Hint     string // what the operator can do about it
	Attempts int    // how often it was tried; 0 when it came to none
}

// Put stores an event of the journal among the dead letters and returns when it
// is safe there. A second Put for the same event and rule changes nothing. Its
// errors wrap ErrUnavailable or ErrTooLarge.
func (d *DeadLetters) Put(ctx context.Context, entry Entry, why Burial) error {
	msg := nats.NewMsg(d.subject + "." + Token(entry.Tenant) + "." + Token(entry.Source))
	for name, values := range entry.Header {
		if !strings.HasPrefix(name, "Nats-") {
			msg.Header[name] = values
		}
	}
	msg.Data = entry.Body
	msg.Header.Set(HeaderReason, string(why.Reason))
	msg.Header.Set(HeaderHop, why.Hop)
	msg.Header.Set(HeaderSequence, strconv.FormatUint(entry.Sequence, 10))
	if why.Rule != "" {
		msg.Header.Set(HeaderRule, why.Rule)
	}
	if why.Attempts > 0 {
		msg.Header.Set(HeaderAttempts, strconv.Itoa(why.Attempts))
	}
	if why.Hint != "" {
		msg.Header.Set(HeaderHint, encodeHeader(strings.ToValidUTF8(why.Hint[:min(len(why.Hint), longestHint)], "")))
	}
	id := digest("dead", strconv.FormatUint(entry.Sequence, 10), entry.Header.Get(jetstream.MsgIDHeader), why.Rule)
	msg.Header.Set(jetstream.MsgIDHeader, id)
	_, err := d.writer.publish(ctx, msg)
	return classify("store dead letter", err)
}
