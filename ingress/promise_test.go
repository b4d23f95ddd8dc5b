package ingress_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/ingress"
)

const mostBody = 4096

// signature is what the source of these tests asks for: the time and the body, signed.
func signature() ingress.HMAC {
	return ingress.HMAC{Header: "X-Signature", Timestamp: "X-Time", Signed: "{timestamp}.{body}", Tolerance: time.Minute}
}

// wrong are deliveries that must not be stored, by what is wrong with them: each
// changes one thing of a delivery that is right.
func wrong() map[string]func(*delivered) {
	return map[string]func(*delivered){
		"not signed":              func(d *delivered) { d.header = http.Header{} },
		"signed by somebody else": func(d *delivered) { d.secret = "the-secret-of-somebody-else" },
		"changed on its way":      func(d *delivered) { d.after = func(body string) string { return strings.Replace(body, "7", "8", 1) } },
		"signed long ago":         func(d *delivered) { d.at = d.at.Add(-time.Hour) },
		"too large": func(d *delivered) {
			d.body = strings.Replace(d.body, "}", `,"pad":"`+strings.Repeat("x", mostBody)+`"}`, 1)
		},
	}
}

// A delivered is one delivery of these tests.
type delivered struct {
	body, secret string
	at           time.Time
	header       http.Header         // instead of the signature
	after        func(string) string // what happens to the body once it is signed
}

// judged sends one delivery of every wrong kind and one that is right, and returns
// which wrong ones were stored: the judge of invariant I8. The right one has to be stored.
func judged(t *testing.T, d *door) (stored []string) {
	t.Helper()
	kinds := wrong()
	kinds["right"] = func(*delivered) {}
	for kind, change := range kinds {
		before := len(d.shelf.arrivals())
		sent := delivered{body: fmt.Sprintf(`{"rows":7,"kind":%q}`, kind), secret: token, at: time.Now(), after: func(body string) string { return body }}
		change(&sent)
		header := http.Header{}
		how := signature()
		if err := (ingress.Verifier{HMAC: &how}).Sign(header, []byte(sent.body), sent.secret, sent.at); err != nil {
			t.Fatal(err)
		}
		if sent.header != nil {
			header = sent.header
		}
		var headers []string
		for name := range header {
			headers = append(headers, name+": "+header.Get(name))
		}
		d.post(t, "/hooks/jobs", sent.after(sent.body), headers...)
		if len(d.shelf.arrivals()) > before {
			stored = append(stored, kind)
		}
	}
	if !slices.Contains(stored, "right") {
		t.Error("the right delivery was not stored")
	}
	return slices.DeleteFunc(stored, func(kind string) bool { return kind == "right" })
}

// doorOf opens a door whose source jobs proves itself that way.
func doorOf(t *testing.T, verify ingress.Verifier, most int64) *door {
	t.Helper()
	d := opened(t, func(c *ingress.Config) { c.MaxBody = most })
	definitions := sources()
	i := slices.IndexFunc(definitions, func(s ingress.Source) bool { return s.Name == "jobs" })
	definitions[i] = ingress.Source{Name: "jobs", Verify: verify}
	if !verify.None {
		definitions[i].Secrets = []string{token}
	}
	d.Set(live(t, definitions, 2))
	return d
}

func TestNothingUnprovenOrOversizedIsStored(t *testing.T) {
	t.Parallel()
	how := signature()
	if stored := judged(t, doorOf(t, ingress.Verifier{HMAC: &how}, mostBody)); len(stored) > 0 {
		t.Errorf("stored what was %s", strings.Join(stored, ", "))
	}
}

// TestDoorLeftOpenIsCaught breaks the door on purpose, one thing at a time, and
// holds that the judge of I8 names it.
func TestDoorLeftOpenIsCaught(t *testing.T) {
	t.Parallel()
	loose, signed := signature(), signature()
	loose.Tolerance = 24 * time.Hour
	for what, broken := range map[string]struct {
		verify ingress.Verifier
		most   int64
		caught []string
	}{
		"no proof":  {ingress.Verifier{None: true}, mostBody, []string{"changed on its way", "not signed", "signed by somebody else", "signed long ago"}},
		"no clock":  {ingress.Verifier{HMAC: &loose}, mostBody, []string{"signed long ago"}},
		"no limits": {ingress.Verifier{HMAC: &signed}, 10 * mostBody, []string{"too large"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			stored := judged(t, doorOf(t, broken.verify, broken.most))
			if slices.Sort(stored); !slices.Equal(stored, broken.caught) {
				t.Errorf("caught %q, want %q", stored, broken.caught)
			}
		})
	}
}
