package ingress

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/qlikgateway/gateway/events"
)

// Everything here reads what strangers send. None may panic, take what is wrong,
// or make much of little.

func FuzzSignature(f *testing.F) {
	for _, v := range vectors(f) {
		p := hmacIn(proofOf(f, v.verifier(), v.Secret))
		f.Add(v.Headers[http.CanonicalHeaderKey(p.Header)], v.Headers["Webhook-Timestamp"], []byte(v.Body))
	}
	f.Add("v1,", "-1", []byte(nil))
	f.Add("sha256="+strings.Repeat("0", 64), "9223372036854775808", []byte("{}"))
	now := time.Unix(1_800_000_000, 0)
	secret := "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"
	f.Fuzz(func(t *testing.T, signature, stamp string, body []byte) {
		for _, v := range []Verifier{
			StandardWebhooks(),
			{HMAC: &HMAC{Header: "Webhook-Signature", Prefix: "sha256="}},
			{HMAC: &HMAC{Header: "Webhook-Signature", Encoding: Base64}},
			Bearer(),
			{Basic: &Basic{User: "etl"}},
		} {
			h := http.Header{"Webhook-Signature": {signature}, "Authorization": {signature}, "Webhook-Timestamp": {stamp}, "Webhook-Id": {stamp}}
			p := shown(proofOf(t, v, secret))
			if p.prove(h, body, now) == nil {
				t.Fatalf("proven without the secret: %q", signature)
			}
			right := http.Header{}
			p.sign(right, body, now)
			if err := p.prove(right, body, now); err != nil {
				t.Fatalf("refused its own signature: %v", err)
			}
		}
	})
}

func FuzzBatch(f *testing.F) {
	event := `{"specversion":"1.0","id":"1","source":"/a","type":"t"}`
	for _, body := range []string{"[]", "null", "[null]", "[" + event + "]", "[" + event + ",{}]", "[" + event + "]x", strings.Repeat("[", 20_000)} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read, raws, err := readBatch(body)
		if err != nil && (read != nil || raws != nil) {
			t.Fatal("events of a batch that is refused")
		}
		if len(read) != len(raws) || len(read) > maxBatch {
			t.Fatalf("%d events, %d raws", len(read), len(raws))
		}
	})
}

func FuzzBinaryEvent(f *testing.F) {
	f.Add("1.0", "id", "%E2%82%AC", "application/json", []byte("{}"))
	f.Add("1.0.2", "", "x", ";", []byte(nil))
	f.Add("0.3", "time", "2026-11-02T05:29:35Z", "text/plain", []byte("x"))
	f.Add("1.0", "dataschema", `"\`, "", []byte("x"))
	f.Fuzz(func(t *testing.T, version, name, value, media string, body []byte) {
		h := http.Header{"Ce-Specversion": {version}, "Ce-Id": {"1"}, "Ce-Source": {"/a"}, "Ce-Type": {"t"}, "Content-Type": {media}}
		h["Ce-"+name] = []string{value}
		event, err := readBinary(h, body)
		if err == nil && (!bytes.Equal(event.Data(), body) || event.SpecVersion() != "1.0" || event.ID() == "") {
			t.Fatalf("taken for an event: %v", h)
		}
	})
}

func FuzzHeaderValue(f *testing.F) {
	for _, value := range []string{"Euro%20%E2%82%AC", `"a \" b"`, "%", "%4", "%zz", `"\`, `""`, "%C0%A0"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text, err := decodeHeader(value)
		if err == nil && (!utf8.ValidString(text) || len(text) > len(value)) {
			t.Fatalf("%q is decoded to %q", value, text)
		}
	})
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"{body}", "{body.a.0.b}", "{header.X-Id}.{body}", "{", "}", "{}", "a{body.}b", "{body..}"} {
		f.Add(text, []byte(`{"a":[{"b":7}],"":{"":1}}`))
	}
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		parsed, err := parseTemplate(text)
		if err != nil {
			return
		}
		value, err := readBody(body)
		if err != nil {
			return
		}
		parsed.fill(http.Header{"X-Id": {"1"}}, value, nil)
	})
}

// Whatever a proven sender of a preset, or of none, sends is refused or becomes
// an event with all that an event needs.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"dbt-completed.json", "fivetran-successful.json", "fivetran-test.json"} {
		f.Add(fixture(f, name), "application/json", "1")
	}
	f.Add([]byte(`{"eventId":7,"accountId":null,"eventType":{"a":1},"data":[]}`), "", "")
	f.Add([]byte(`{"eventId":"\u0000","event":"%%","sync_id":1e999,"connector_id":"a/b?c#d"}`), "text/plain", "\n")
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/a","type":"t"}`), "application/cloudevents+json", "1")
	f.Add([]byte(`[]`), "application/cloudevents-batch+json", "")
	f.Add([]byte(strings.Repeat(`{"data":`, 20_000)), "application/json", "")
	var all []*source
	for _, preset := range append(Presets(), Preset{}) {
		compiled, problems := Compile([]Source{{Name: "x", Preset: preset.Name, Verify: Verifier{None: true}}})
		if compiled == nil {
			f.Fatal(problems)
		}
		all = append(all, compiled.byName["x"])
	}
	f.Fuzz(func(t *testing.T, body []byte, media, id string) {
		h := http.Header{"Content-Type": {media}, "Idempotency-Key": {id}}
		for _, s := range all {
			for _, subject := range []string{"", "etl.done"} {
				arrivals, err := s.read(message{header: h, body: body, subject: subject, arrived: time.Unix(1, 0)})
				if err != nil && refusalOf(err).result == Broken {
					t.Fatal(err)
				}
				for _, a := range arrivals {
					if err := events.Validate(a.Event); err != nil || a.DedupeID == "" || len(a.Event.ID()) > 2048 {
						t.Fatalf("%v: %s", err, a.Event)
					}
				}
			}
		}
	})
}
