package ingress_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

func TestRefusalsSayWhatToDoAndStoreNothing(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.MaxBody = 4096 })
	bearer := "Authorization: Bearer " + token
	large := strings.Repeat(" ", 5000) + "{}"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(`{"done":true}`))
	w.Close()
	for _, tt := range []struct {
		name, path, body string
		headers          []string
		status           int
		detail           string
	}{
		{"unknown source", "/hooks/nobody", "{}", nil, 404, "no source of this name"},
		{"source of NATS only", "/hooks/etl", "{}", nil, 404, "no source of this name"},
		{"name that no source can have", "/hooks/%2e%2e", "{}", nil, 404, ""},
		{"unknown path", "/", "{}", nil, 404, "/hooks/{source}"},
		{"trailing slash", "/hooks/lab/", "{}", nil, 404, ""},
		{"no signature", "/hooks/dbt", "{}", nil, 401, "Authorization is missing"},
		{"wrong signature", "/hooks/dbt", "{}", []string{"Authorization: " + strings.Repeat("0", 64)}, 401, "does not match"},
		{"no signature's shape", "/hooks/dbt", "{}", []string{bearer}, 401, "HMAC-SHA256 in hex"},
		{"no token", "/events", "{}", nil, 401, "Authorization is missing"},
		{"wrong token", "/events", "{}", []string{"Authorization: Bearer nope"}, 401, "does not match"},
		{"wrong password", "/hooks/basic", "{}", []string{"Authorization: Basic ZXRsOm5vcGU="}, 401, "does not match"},
		{"broken JSON", "/hooks/lab", `{"done":`, []string{"Content-Type: application/json"}, 400, "not JSON"},
		{"two JSON values", "/hooks/lab", `{} {}`, []string{"Content-Type: application/json"}, 400, "more after"},
		{"no CloudEvent", "/events", "{}", []string{bearer, "Content-Type: application/json"}, 415, "only CloudEvents"},
		{"another event format", "/events", "{}", []string{bearer, "Content-Type: application/cloudevents+avro"}, 415, "is not read"},
		{"compressed", "/hooks/lab", zipped.String(), []string{"Content-Encoding: gzip"}, 415, "uncompressed"},
		{"too large", "/hooks/lab", large, nil, 413, "4096 bytes"},
	} {
		r := d.post(t, tt.path, tt.body, tt.headers...)
		t.Log(tt.name, r.raw)
		r.refused(t, tt.status, tt.detail)
		if challenge := r.header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", tt.name, challenge)
		}
	}
	d.nothingStored(t)
	if got := d.counted(t, "dbt", ingress.Unproven); got != 3 {
		t.Errorf("counted %v unproven deliveries to dbt, want 3", got)
	}
}

func TestBodyWithoutALengthIsCapped(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.MaxBody = 4096 })
	endless := io.LimitReader(spaces{}, 1<<20)
	d.do(t, http.MethodPost, "/hooks/lab", endless).refused(t, 413, "4096 bytes")
	exact := io.LimitReader(spaces{}, 4096)
	if r := d.do(t, http.MethodPost, "/hooks/lab", exact); r.status != http.StatusAccepted {
		t.Errorf("a body of the limit is answered %d", r.status)
	}
}

// spaces is a body without an end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestOtherMethodsAreTold(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	for _, path := range []string{"/hooks/lab", "/events"} {
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			r := d.do(t, method, path, nil)
			r.refused(t, 405, "POST")
			if r.header.Get("Allow") != "POST" {
				t.Errorf("%s %s: Allow is %q", method, path, r.header.Get("Allow"))
			}
		}
	}
	d.nothingStored(t)
}

func TestEventsIsNotServedUnlessConfigured(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, []ingress.Source{
		{Name: "lab", Verify: ingress.Verifier{None: true}},
		{Name: "dbt", Preset: "dbt-cloud", Secrets: []string{dbtSecret}},
		{Name: "fivetran", Preset: "fivetran", Secrets: []string{fivetranSecret}},
		{Name: "jobs", Verify: ingress.Bearer(), Secrets: []string{token}},
		{Name: "events", NATS: &ingress.Subject{Subject: "e"}},
		{Name: "etl", NATS: &ingress.Subject{Subject: "etl.*.done"}},
	}, 2))
	d.post(t, "/events", "{}").refused(t, 404, "no source")
}

func TestNothingIsServedBeforeTheFirstConfiguration(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(ingress.Live{})
	d.post(t, "/hooks/lab", "{}").refused(t, 404, "no source")
}

func TestJournalsFaultsAskTheSenderToComeBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		after  string
		result ingress.Result
	}{
		{events.ErrFull, 503, "30", ingress.Full},
		{events.ErrUnavailable, 503, "5", ingress.Unavailable},
		{errors.New("secret of the broker's host"), 503, "5", ingress.Unavailable},
		{events.ErrTooLarge, 413, "", ingress.TooLarge},
	} {
		d := opened(t, nil)
		d.shelf.fail(tt.err)
		r := d.post(t, "/hooks/lab", `{"done":true}`)
		r.refused(t, tt.status, "send")
		if r.header.Get("Retry-After") != tt.after {
			t.Errorf("%v: Retry-After is %q, want %q", tt.err, r.header.Get("Retry-After"), tt.after)
		}
		if strings.Contains(r.raw, "host") {
			t.Errorf("answer shows an inner error: %s", r.raw)
		}
		if d.counted(t, "lab", tt.result) != 1 {
			t.Errorf("%v is not counted as %s", tt.err, tt.result)
		}
	}
}

func TestAnswerWaitsForTheJournal(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.MaxHeld = 20 })
	d.shelf.hold, d.shelf.entered = make(chan struct{}), make(chan struct{}, 1)
	answered := make(chan reply)
	go func() { answered <- d.post(t, "/hooks/lab", `{"done":true}`) }()
	<-d.shelf.entered
	select {
	case r := <-answered:
		t.Errorf("answered %d before the event was stored", r.status)
	default:
	}
	busy := d.post(t, "/hooks/lab", `{"done":true}`)
	busy.refused(t, 503, "send it again")
	if busy.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", busy.header.Get("Retry-After"))
	}
	close(d.shelf.hold)
	if r := <-answered; r.status != http.StatusAccepted || r.Matches[0] != "done" {
		t.Errorf("answered %s", r.raw)
	}
	if r := d.post(t, "/hooks/lab", `{"done":true}`); r.status != http.StatusAccepted {
		t.Errorf("after that, answered %s", r.raw)
	}
}

func TestPanicIsAnsweredWithoutItsStack(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.Append = panics })
	r := d.post(t, "/hooks/lab", "{}")
	r.refused(t, 500, "fault of its own")
	if !strings.Contains(d.log.String(), "boom") || !strings.Contains(d.log.String(), "goroutine") {
		t.Error("the panic is not logged with its stack")
	}
	if d.counted(t, "lab", ingress.Broken) != 1 {
		t.Error("the panic is not counted")
	}
}

func TestBodiesOfNoPresetAreStoredAsTheyCame(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, media, stored string }{
		{"JSON", `{"done":true}`, "application/json; charset=utf-8", "application/json; charset=utf-8"},
		{"JSON that says it is a form", `{"done":true}`, "application/x-www-form-urlencoded", "application/json"},
		{"JSON that says it is text", `{"done":true}`, "text/plain", "application/json"},
		{"JSON that says nothing", `{"done":true}`, "", "application/json"},
		{"text", "done", "text/plain; charset=utf-8", "text/plain; charset=utf-8"},
		{"bytes", "\x00\xff\xfe", "", "application/octet-stream"},
		{"a type that is none", "done", "a/b/c", "application/octet-stream"},
		{"nothing", "", "application/json", "application/json"},
		{"nothing at all", "", "", "application/octet-stream"},
	} {
		d := opened(t, nil)
		r := d.post(t, "/hooks/lab", tt.body, "Content-Type: "+tt.media)
		if r.status != http.StatusAccepted {
			t.Errorf("%s: answered %s", tt.name, r.raw)
			continue
		}
		e := d.shelf.arrivals()[0].Event
		if string(e.Data()) != tt.body || e.DataContentType() != tt.stored || e.Type() != ingress.TypeWebhook || e.Source() != "/sources/lab" {
			t.Errorf("%s: stored %s", tt.name, e)
		}
		if matched := len(r.Matches) == 1; matched != strings.Contains(tt.body, "true") {
			t.Errorf("%s: matches %v", tt.name, r.Matches)
		}
	}
}

func TestIdsComeFromHeadersThatAreMeantForIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		headers   []string
		id        string
		duplicate bool
	}{
		{[]string{"Idempotency-Key: k1"}, "k1", true},
		{[]string{"Webhook-Id: w1", "Idempotency-Key: k1"}, "w1", true},
		{[]string{"X-Request-Id: r1"}, "", false},
		{nil, "", false},
		{[]string{"Idempotency-Key: k1", "Idempotency-Key: k2"}, "", false},
	} {
		d := opened(t, nil)
		first, second := d.post(t, "/hooks/lab", "{}", tt.headers...), d.post(t, "/hooks/lab", "{}", tt.headers...)
		if tt.id != "" && first.ID != tt.id || first.ID == "" || second.Duplicate != tt.duplicate || first.Duplicate {
			t.Errorf("%v: answered %s, then %s", tt.headers, first.raw, second.raw)
		}
	}
	d := opened(t, nil)
	d.post(t, "/hooks/lab", "{}", "Idempotency-Key: "+strings.Repeat("k", 3000)).refused(t, 400, "longer than")
	d.nothingStored(t)
}

func TestSettingSourcesHoldsForTheNextDelivery(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	if r := d.signed(t, "dbt", fixture(t, "dbt-completed.json")); r.status != http.StatusAccepted {
		t.Fatal(r.raw)
	}
	changed := sources()
	changed[0].Secrets = []string{"another-secret-of-the-test"}
	d.Set(live(t, changed, 2))
	d.signed(t, "dbt", fixture(t, "dbt-completed.json")).refused(t, 401, "does not match")
}

func TestLogHasOneLineAndNoSecret(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.signed(t, "dbt", fixture(t, "dbt-completed.json"))
	d.post(t, "/events", `{"password":"hidden-in-the-body"}`, "Authorization: Bearer "+token+"x")
	log := d.log.String()
	if lines := strings.Count(log, "\n"); lines != 2 {
		t.Errorf("2 deliveries made %d lines: %s", lines, log)
	}
	for _, leak := range []string{dbtSecret, token, "hidden-in-the-body", "sales nightly"} {
		if strings.Contains(log, leak) {
			t.Errorf("the log shows %q: %s", leak, log)
		}
	}
	for _, want := range []string{`"source":"dbt"`, `"result":"accepted"`, `"event_id":"wev_2QkZ1completed"`, `"result":"unproven"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
}

func TestTraceContextIsKept(t *testing.T) {
	t.Parallel()
	parent := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for value, want := range map[string]any{parent: parent, parent + "x": nil, "00--": nil, strings.ToUpper(parent): nil} {
		d := opened(t, nil)
		d.post(t, "/hooks/lab", "{}", "Traceparent: "+value)
		if got := d.shelf.arrivals()[0].Event.Extensions()["traceparent"]; got != want {
			t.Errorf("traceparent %q is stored as %v", value, got)
		}
	}
}

func TestBinaryEventTakesTheTraceOfItsRequestUnlessItHasItsOwn(t *testing.T) {
	t.Parallel()
	const header, own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, tt := range map[string]struct {
		headers []string
		want    any
	}{
		"none":  {nil, nil},
		"its":   {[]string{"Traceparent: " + header}, header},
		"own":   {[]string{"Traceparent: " + header, "Ce-Traceparent: " + own}, own},
		"wrong": {[]string{"Traceparent: 00--"}, nil},
	} {
		d := opened(t, nil)
		d.post(t, "/events", "{}", append(append(binary(), authorized), tt.headers...)...)
		if got := d.shelf.arrivals()[0].Event.Extensions()["traceparent"]; got != tt.want {
			t.Errorf("%s: stored as %v", name, got)
		}
	}
	d := opened(t, nil)
	d.post(t, "/events", `{"specversion":"1.0","id":"1","source":"/a","type":"t"}`, "Content-Type: application/cloudevents+json", authorized, "Traceparent: "+header)
	if got := d.shelf.arrivals()[0].Event.Extensions()["traceparent"]; got != nil {
		t.Errorf("a structured event is changed: %v", got)
	}
}

// Svix names its headers after itself; nobody may mix the two to have a signed
// delivery taken again under another id.
func TestSvixIsUnderstoodByItsOwnHeaders(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, append(sources(), ingress.Source{Name: "svix", Preset: "standard-webhooks", Secrets: []string{"whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"}}), 2))
	h, body := http.Header{}, `{"type":"sync.completed"}`
	if err := ingress.StandardWebhooks().Sign(h, []byte(body), "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0", time.Now()); err != nil {
		t.Fatal(err)
	}
	headers := []string{"svix-id: " + h.Get("Webhook-Id"), "svix-timestamp: " + h.Get("Webhook-Timestamp"), "svix-signature: " + h.Get("Webhook-Signature")}
	for _, again := range []bool{false, true} {
		if r := d.post(t, "/hooks/svix", body, headers...); r.status != http.StatusAccepted || r.ID != h.Get("Webhook-Id") || r.Duplicate != again {
			t.Errorf("answered %d %s", r.status, r.raw)
		}
	}
	for _, mixed := range []string{"webhook-id: another", "webhook-signature: v1,AAAA"} {
		if r := d.post(t, "/hooks/svix", body, append(headers, mixed)...); r.status != http.StatusUnauthorized {
			t.Errorf("with %s: answered %d %s", mixed, r.status, r.raw)
		}
	}
}
