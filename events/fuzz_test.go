package events_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/events"
)

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "-", "--", "=2D", "acme", "a.b", "*", ">", "é x", "a:b", "\x00\xff", "$KV"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token := events.Token(text)
		if token == "" || strings.ContainsAny(token, ".*> :$\r\n\t") {
			t.Fatalf("token %q of %q", token, text)
		}
		back, err := events.Untoken(token)
		if err != nil || back != text {
			t.Fatalf("%q -> %q -> %q, %v", text, token, back, err)
		}
		// What can be decoded at all has only one spelling.
		if decoded, err := events.Untoken(text); err == nil && events.Token(decoded) != text {
			t.Fatalf("%q and %q both mean %q", text, events.Token(decoded), decoded)
		}
	})
}

func FuzzDecodeStructured(f *testing.F) {
	for _, seed := range []string{
		`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`,
		`{"specversion":"1.0.2","id":"1","source":"/s","type":"t","extensions":{"a":1},"data":{"x":[1]}}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","data":"x"}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAE="}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1,"data_base64":""}`,
		`{"specversion":"0.3","id":"1"}`, `{"id":null}`, `[]`, `null`, `{`, `{"specversion":"1.0","time":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		event, err := events.DecodeStructured(body)
		if err == nil && (event.ID() == "" || event.Type() == "" || event.Source() == "") {
			t.Fatalf("accepted %q as %v", body, event)
		}
		_ = events.Arrival{Event: event}.View()
	})
}

func FuzzDecodeEntry(f *testing.F) {
	j := events.NewJournal(nil, events.JournalConfig{InSubject: "gateway.in"})
	f.Add("gateway.in.acme.dbt", "1", `{"outcome":"failed"}`, "%C3%A9", "a", []byte(`{"x":1}`))
	f.Add("gateway.in.-.=2D", "", "", "%zz", "", []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`))
	f.Add("gateway.in", "x", "[", "", "\u2028", []byte(nil))
	f.Fuzz(func(t *testing.T, subject, revision, facts, attribute, id string, body []byte) {
		header := nats.Header{}
		header.Set("Gateway-Revision", revision)
		header.Set("Gateway-Facts", facts)
		header.Set("Gateway-Replay", attribute)
		if id != "" {
			header.Set("ce-specversion", "1.0")
			header.Set("ce-id", id)
			header.Set("ce-source", "/s")
			header.Set("ce-type", "t")
			header.Set("ce-x", attribute)
		}
		entry := events.Decode(j, subject, header, body)
		if entry.Err == nil && entry.Event.ID() == "" {
			t.Fatalf("an event without an id is no error: %+v", entry)
		}
		_ = entry.View()
	})
}
