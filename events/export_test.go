package events

import "github.com/nats-io/nats.go"

// Decode gives tests the decoder of the journal's messages.
func Decode(j *Journal, subject string, header nats.Header, body []byte) Entry {
	return j.decode(stored{subject: subject, header: header, body: body})
}
