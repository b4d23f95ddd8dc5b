package ingress_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

// greeters are sources whose senders try the connection first.
func greeters() []ingress.Source {
	return []ingress.Source{
		{Name: "dbt", Preset: "dbt-cloud", Secrets: []string{dbtSecret}},
		{Name: "fivetran", Preset: "fivetran", Secrets: []string{"a-newer-secret-of-the-test", fivetranSecret}},
		{Name: "github", Preset: "github", Secrets: []string{token}},
		{Name: "grid", Preset: "azure-event-grid", Secrets: []string{token}},
		{Name: "jobs", Verify: ingress.Bearer(), Secrets: []string{token}, Origins: []string{"events.example.com"}},
		{Name: "lab", Verify: ingress.Verifier{None: true}},
		{Name: "events", Preset: "cloudevents", Secrets: []string{token}, Origins: []string{"events.example.com"}},
		{Name: "etl", NATS: &ingress.Subject{Subject: "etl.*.done"}},
	}
}

func TestSendersThatOnlyTryTheConnectionAreAnswered200(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, greeters(), 2))
	validation := `[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":%q},"eventTime":"2026-11-02T05:29:35Z"}]`
	if r := d.signed(t, "fivetran", fixture(t, "fivetran-test.json")); r.status != http.StatusOK {
		t.Errorf("Fivetran: %d %s", r.status, r.raw)
	}
	if r := d.post(t, "/hooks/github", `{"zen":"x"}`, append(githubHeaders(t, `{"zen":"x"}`), "X-Github-Event: ping")...); r.status != http.StatusOK {
		t.Errorf("GitHub: %d %s", r.status, r.raw)
	}
	r := d.post(t, "/hooks/grid?token="+token, fmt.Sprintf(validation, "512d38b6"), "Aeg-Event-Type: SubscriptionValidation")
	if r.status != http.StatusOK || r.raw != `{"validationResponse":"512d38b6"}` {
		t.Errorf("Event Grid: %d %s", r.status, r.raw)
	}
	d.post(t, "/hooks/grid?token=wrong", fmt.Sprintf(validation, "512d38b6")).refused(t, 401, "does not match")
	d.post(t, "/hooks/grid", fmt.Sprintf(validation, "512d38b6")).refused(t, 401, "no parameter")
	d.post(t, "/hooks/grid?token="+token, fmt.Sprintf(validation, "")).refused(t, 400, "validationCode")
	d.post(t, "/hooks/github", `{"zen":"x"}`, "X-Github-Event: ping").refused(t, 401, "missing")
	d.nothingStored(t)
	if d.counted(t, "grid", ingress.Greeted) != 1 {
		t.Error("a greeting is not counted")
	}
}

func githubHeaders(t *testing.T, body string) []string {
	t.Helper()
	h := http.Header{}
	preset, _ := ingress.LookupPreset("github")
	if err := preset.Verify.Sign(h, []byte(body), token, sampleNow()); err != nil {
		t.Fatal(err)
	}
	return []string{"X-Hub-Signature-256: " + h.Get("X-Hub-Signature-256")}
}

func TestEventGridsArraysAreEventsAllOrNone(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, greeters(), 2))
	item := `{"id":"%d","topic":"/t","eventType":"Microsoft.Storage.BlobCreated","eventTime":"2026-11-02T05:29:35Z"}`
	two := "[ " + fmt.Sprintf(item, 1) + "," + fmt.Sprintf(item, 2) + "]"
	r := d.post(t, "/hooks/grid?token="+token, two)
	if r.status != http.StatusAccepted || len(r.Events) != 2 || r.Events[1].ID != "2" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if stored := d.shelf.arrivals(); len(stored) != 2 || !bytes.Equal(stored[1].Event.Data(), fmt.Appendf(nil, item, 2)) {
		t.Errorf("stored %v", stored)
	}
	d.post(t, "/hooks/grid?token="+token, "["+fmt.Sprintf(item, 3)+",7]").refused(t, 400, "event 1 is not")
	structured := `{"specversion":"1.0","id":"4","source":"/a","type":"t"}`
	if r := d.post(t, "/hooks/grid?token="+token, structured, "Content-Type: application/cloudevents+json; charset=utf-8"); r.ID != "4" {
		t.Errorf("CloudEvents schema: %s", r.raw)
	}
	if r := d.post(t, "/hooks/grid?token="+token, "["+structured+"]", "Content-Type: application/cloudevents-batch+json"); !r.Events[0].Duplicate {
		t.Errorf("CloudEvents schema, batched: %s", r.raw)
	}
	if len(d.shelf.arrivals()) != 3 {
		t.Errorf("stored %v", d.shelf.arrivals())
	}
}

func TestOnlyOriginsThatAreNamedAreWelcome(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, greeters(), 2))
	for _, tt := range []struct {
		path, origin string
		status       int
	}{
		{"/hooks/grid", "eventgrid.azure.net", 200},
		{"/hooks/grid", "EventGrid.azure.net", 200},
		{"/hooks/grid", "eventgrid.azure.net.evil.example", 403},
		{"/hooks/grid", "evil.example/eventgrid.azure.net", 403},
		{"/hooks/grid", "*", 403},
		{"/hooks/grid", "events.example.com", 403},
		{"/hooks/jobs", "events.example.com", 200},
		{"/events", "events.example.com", 200},
		{"/hooks/lab", "events.example.com", 403},
		{"/hooks/etl", "events.example.com", 404},
		{"/hooks/nobody", "events.example.com", 404},
	} {
		r := d.do(t, http.MethodOptions, tt.path, nil, "Webhook-Request-Origin: "+tt.origin, "Webhook-Request-Rate: 120",
			"Webhook-Request-Callback: "+d.url+"/called")
		if r.status != tt.status {
			t.Errorf("%s from %s: %d %s", tt.path, tt.origin, r.status, r.raw)
		}
		said := r.header.Get("Webhook-Allowed-Origin")
		if tt.status == 200 && (said != tt.origin || r.header.Get("Webhook-Allowed-Rate") != "*" || r.header.Get("Allow") != "POST") || tt.status != 200 && said != "" {
			t.Errorf("%s from %s: %v", tt.path, tt.origin, r.header)
		}
	}
	if d.counted(t, "-", ingress.Unknown) != 2 {
		t.Error("the callback was called")
	}
}

func TestPresetOfCloudEventsReadsNothingElse(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(live(t, greeters(), 2))
	d.post(t, "/hooks/events?access_token="+token, "{}").refused(t, 415, "only CloudEvents")
	if r := d.post(t, "/hooks/events?access_token="+token, `{"done":true}`, binary()...); r.status != http.StatusAccepted {
		t.Errorf("%s", r.raw)
	}
}
