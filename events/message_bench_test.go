package events

import (
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

// BenchmarkMessage is what the journal does with an event besides storing it: making
// a message of it, and reading the message for the dispatcher.
func BenchmarkMessage(b *testing.B) {
	event := cloudevents.New()
	event.SetID("2KB4BEPUIQ3CU4X7UEQHDYC52N")
	event.SetSource("/sources/jobs")
	event.SetType("io.qlikgateway.v1.webhook.received")
	event.SetTime(time.Date(2026, 11, 1, 0, 0, 0, 1234, time.UTC))
	event.SetDataContentType("application/json")
	event.DataEncoded = []byte(`{"done": true, "pad": "` + strings.Repeat("x", 2000) + `"}`)
	a := Arrival{Source: "jobs", Event: event, DedupeID: event.ID()}
	j := NewJournal(nil, JournalConfig{InSubject: "gateway.in", UnmatchedSubject: "gateway.unmatched"})
	target := Target{Tenant: "acme", Rules: []string{"refresh"}}
	msg, err := j.message(a, target, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("written", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := j.message(a, target, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if e := j.decode(stored{subject: msg.Subject, header: msg.Header, body: msg.Data}); e.Err != nil || e.View().ID == "" {
				b.Fatal(e.Err)
			}
		}
	})
}
