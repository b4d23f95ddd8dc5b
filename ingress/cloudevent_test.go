package ingress_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

const authorized = "Authorization: Bearer " + token

func TestCloudEventsOfEveryModeAreStoredAsTheyCame(t *testing.T) {
	t.Parallel()
	structured := `{ "specversion":"1.0", "id":"e-1", "source":"/jobs/1", "type":"com.example.done", "subject":"sales",
		"time":"2026-11-02T05:29:35Z", "batchno": 7, "final": true, "big": 12345678901, "none": null, "data": {"done": true, "n": 1.0} }`
	for _, tt := range []struct {
		name, path, body string
		headers          []string
		raw              bool
	}{
		{"structured", "/events", structured, []string{"Content-Type: application/cloudevents+json"}, true},
		{"structured with parameters", "/events", structured, []string{"Content-Type: Application/CloudEvents+JSON; charset=UTF-8"}, true},
		{"structured with a later patch of 1.0", "/events", strings.Replace(structured, `"1.0"`, `"1.0.2"`, 1),
			[]string{"Content-Type: application/cloudevents+json"}, true},
		{"structured to a hook", "/hooks/lab", structured, []string{"Content-Type: application/cloudevents+json"}, true},
		{"binary", "/events", `{"done": true, "n": 1.0}`, binary(), false},
		{"binary to a hook", "/hooks/lab", `{"done": true, "n": 1.0}`, binary(), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := opened(t, nil)
			r := d.post(t, tt.path, tt.body, append(tt.headers, authorized)...)
			if r.status != http.StatusAccepted || r.ID != "e-1" || !reflect.DeepEqual(r.Matches, []string{"done"}) {
				t.Fatalf("answered %s", r.raw)
			}
			a := d.shelf.arrivals()[0]
			if tt.raw != (a.Raw != nil) || tt.raw && string(a.Raw) != tt.body || string(a.Event.Data()) != `{"done": true, "n": 1.0}` {
				t.Errorf("stored raw %q and data %q", a.Raw, a.Event.Data())
			}
			got := fmt.Sprintln(a.Event.SpecVersion(), a.Event.ID(), a.Event.Source(), a.Event.Type(), a.Event.Subject(), a.Event.Time(), a.Event.Extensions())
			want := fmt.Sprintln("1.0 e-1 /jobs/1 com.example.done sales 2026-11-02 05:29:35 +0000 UTC map[batchno:7 big:12345678901 final:true]")
			if got != want || a.DedupeID != "e-1" {
				t.Errorf("stored %swant   %s", got, want)
			}
			if again := d.post(t, tt.path, tt.body, append(tt.headers, authorized)...); !again.Duplicate {
				t.Errorf("sent again: %s", again.raw)
			}
		})
	}
}

func binary() []string {
	return []string{
		"Content-Type: application/json", "Ce-Specversion: 1.0", "Ce-Id: e-1", "Ce-Source: /jobs/1", "Ce-Type: com.example.done",
		"Ce-Subject: sales", "Ce-Time: 2026-11-02T05:29:35Z", "Ce-Batchno: 7", "Ce-Final: true", "Ce-Big: 12345678901",
	}
}

func TestHeadersOfCloudEventsAreDecodedOnce(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀",
		"%e2%82%ac":                       "€",
		"%2541":                           "%41",
		"100%":                            "100%",
		"50%zz":                           "50%zz",
		`"quoted \" text"`:                `quoted " text`,
		"plain":                           "plain",
		"a%00b":                           "",
		"a%0D%0AX-Injected:%20b":          "",
		"%C0%A0":                          "",
		"%FF":                             "",
		strings.Repeat("a", 3000):         "",
	} {
		d := opened(t, nil)
		headers := append(binary(), authorized)
		headers[5] = "Ce-Subject: " + sent
		r := d.post(t, "/events", "{}", headers...)
		if want == "" {
			r.refused(t, 400, "ubject")
			d.nothingStored(t)
			continue
		}
		if r.status != http.StatusAccepted {
			t.Fatal(r.raw)
		}
		if got := d.shelf.arrivals()[0].Event.Subject(); got != want {
			t.Errorf("%q is stored as %q, want %q", sent, got, want)
		}
	}
}

func TestWrongCloudEventsAreRefusedWithWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	structured := "Content-Type: application/cloudevents+json"
	event := func(change string) string {
		return `{"specversion":"1.0","id":"1","source":"/a","type":"t"` + change + `}`
	}
	for _, tt := range []struct {
		name, body string
		headers    []string
		detail     string
	}{
		{"0.3", `{"specversion":"0.3","id":"1","source":"/a","type":"t"}`, []string{structured}, "send CloudEvents 1.0"},
		{"no version", `{"id":"1","source":"/a","type":"t"}`, []string{structured}, "specversion is missing"},
		{"a number for a version", `{"specversion":1.0,"id":"1","source":"/a","type":"t"}`, []string{structured}, "specversion"},
		{"no id", `{"specversion":"1.0","source":"/a","type":"t"}`, []string{structured}, "id: MUST"},
		{"nothing but a version", `{"specversion":"1.0"}`, []string{structured}, "id: MUST be a non-empty string; source: REQUIRED; type: MUST"},
		{"an array", `[]`, []string{structured}, "not a JSON object"},
		{"null", `null`, []string{structured}, "specversion is missing"},
		{"nothing", ``, []string{structured}, "not a JSON object"},
		{"junk behind", event("") + "x", []string{structured}, "not a JSON object"},
		{"no time", event(`,"time":"yesterday"`), []string{structured}, "RFC 3339"},
		{"a name that is none", event(`,"my-ext":"x"`), []string{structured}, "lower-case letters"},
		{"a name that is empty", event(`,"":"x"`), []string{structured}, "lower-case letters"},
		{"two kinds of data", event(`,"data":1,"data_base64":"AA=="`), []string{structured}, "both"},
		{"no base64", event(`,"data_base64":"%"`), []string{structured}, "data_base64"},
		{"no string for base64", event(`,"data_base64":1`), []string{structured}, "data_base64"},
		{"a line feed", event(`,"subject":"a\nb"`), []string{structured}, "control characters"},
		{"no UTF-8", event(",\"subject\":\"\xff\""), []string{structured}, "UTF-8"},
		{"a header without a name", "{}", append(binary(), "Ce-: x"), "lower-case letters"},
		{"a header twice", "{}", append(binary(), "Ce-Id: e-2"), "comes 2 times"},
		{"two versions", "{}", append(binary(), "Ce-Specversion: 1.0"), "more than once"},
		{"a header named data", "{}", append(binary(), "Ce-Data: x"), "named data"},
		{"binary 0.3", "{}", []string{"Ce-Specversion: 0.3", "Ce-Id: 1", "Ce-Source: /a", "Ce-Type: t"}, "send CloudEvents 1.0"},
		{"a source that is no address", event(`,"source":"/a%zz"`), []string{structured}, "attribute source: expected a URI reference"},
		{"binary without a source", "{}", []string{"Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Type: t"}, "source: REQUIRED"},
		{"binary of a type that is none", "{}", []string{"Content-Type: ;;", "Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Source: /a", "Ce-Type: t"}, "datacontenttype"},
	} {
		r := d.post(t, "/events", tt.body, append(tt.headers, authorized)...)
		t.Log(tt.name, r.raw)
		r.refused(t, 400, tt.detail)
	}
	d.nothingStored(t)
}

func TestDataIsReadAsTheFormatSaysIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ fields, want string }{
		{`"data":{"done":true}`, `{"done":true}`},
		{`"data":"text"`, `"text"`},
		{`"data":null`, `null`},
		{`"datacontenttype":"text/plain","data":"line\none"`, "line\none"},
		{`"datacontenttype":"application/vnd.x+json","data":"text"`, `"text"`},
		{`"datacontenttype":"application/octet-stream","data_base64":"AP8="`, "\x00\xff"},
		{`"extensions":{"actor":{},"updates":[]},"data":1`, "1"}, // as Qlik sends it
		{`"subject":"none"`, ""},
	} {
		d := opened(t, nil)
		body := `{"specversion":"1.0","id":"1","source":"/a","type":"t",` + tt.fields + `}`
		r := d.post(t, "/events", body, "Content-Type: application/cloudevents+json", authorized)
		if r.status != http.StatusAccepted {
			t.Fatalf("%s: %s", tt.fields, r.raw)
		}
		if a := d.shelf.arrivals()[0]; string(a.Event.Data()) != tt.want || string(a.Raw) != body {
			t.Errorf("%s is read as %q", tt.fields, a.Event.Data())
		}
	}
}

func TestBatchIsStoredWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	batch := "Content-Type: application/cloudevents-batch+json; charset=utf-8"
	event := func(id string) string {
		return fmt.Sprintf(`{"specversion":"1.0", "id":%q,"source":"/a","type":"t","data":{"done":true}}`, id)
	}
	d := opened(t, nil)
	for _, tt := range []struct {
		body   string
		status int
		detail string
	}{
		{"[" + event("1") + "," + event("") + "," + event("3") + `,{"specversion":"0.3"}]`, 400, "2 of 4 events are wrong: event 1: not a CloudEvent: id"},
		{"[" + event("1") + "] x", 400, "not a JSON array"},
		{event("1"), 400, "not a JSON array"},
		{"null", 400, "null"},
		{"[1]", 400, "event 0"},
		{"", 400, "not a JSON array"},
		{"[" + strings.Repeat(event("1")+",", 500) + event("2") + "]", 413, "more than 500"},
	} {
		d.post(t, "/events", tt.body, batch, authorized).refused(t, tt.status, tt.detail)
	}
	d.nothingStored(t)

	r := d.post(t, "/events", "[ "+event("1")+" , "+event("2")+","+event("1")+"]", batch, authorized)
	want := []ingress.Answer{
		{ID: "1", Source: "events", Matches: []string{"done"}},
		{ID: "2", Source: "events", Matches: []string{"done"}},
		{ID: "1", Source: "events", Matches: []string{"done"}, Duplicate: true},
	}
	if r.status != http.StatusAccepted || !reflect.DeepEqual(r.Events, want) {
		t.Errorf("answered %d %s", r.status, r.raw)
	}
	if stored := d.shelf.arrivals(); len(stored) != 2 || string(stored[1].Raw) != event("2") {
		t.Errorf("stored %v", stored)
	}
	if r := d.post(t, "/events", "[]", batch, authorized); r.status != http.StatusAccepted || r.raw != `{"events":[]}` {
		t.Errorf("an empty batch is answered %d %s", r.status, r.raw)
	}
}

func TestMatchesAreAListAlsoWhenThereAreNone(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	r := d.post(t, "/hooks/lab", "{}")
	var answer map[string]any
	if err := json.Unmarshal([]byte(r.raw), &answer); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"id": r.ID, "source": "lab", "matches": []any{}, "duplicate": false}
	if !reflect.DeepEqual(answer, want) {
		t.Errorf("answered %s", r.raw)
	}
	if d.counted(t, "lab", ingress.Unmatched) != 1 {
		t.Error("an event that no rule matches is not counted as such")
	}
}
