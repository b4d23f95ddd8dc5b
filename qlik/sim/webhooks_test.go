package sim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

const hookSecret = "0123456789abcdef0123456789abcdef"

// A receiver takes deliveries within the process.
type receiver struct {
	mu     sync.Mutex
	status int
	got    []map[string]any
	wrong  []string
}

// RoundTrip takes a delivery and checks its signature.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var event map[string]any
	if err := json.Unmarshal(body, &event); err != nil || req.Header.Get("Qlik-Signature") != sim.Sign(hookSecret, body) ||
		req.Header.Get("User-Agent") != "Qlik Webhook" || req.Header.Get("X-Own") != "yes" || req.Header.Get("Content-Type") != "application/json" {
		r.wrong = append(r.wrong, fmt.Sprintf("%v %s", req.Header, body))
	}
	r.got = append(r.got, event)
	if r.status == 0 {
		return nil, errors.New("nobody is there")
	}
	return &http.Response{StatusCode: r.status, Status: fmt.Sprint(r.status), Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// types lists the types of the events that came.
func (r *receiver) types() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, e := range r.got {
		list = append(list, strings.TrimPrefix(e["type"].(string), "com.qlik.v1."))
	}
	return list
}

// ask sends a request to the live service's API and decodes the answer.
func ask(t *testing.T, tenant *sim.Tenant, method, path, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://sim.test/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tenant.APIKey())
	resp, err := tenant.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// hook creates a webhook and gives its path.
func hook(t *testing.T, tenant *sim.Tenant, rest string) string {
	t.Helper()
	var made struct {
		ID             string
		SecretKeyAdded bool
	}
	body := `{"name":"h","url":"https://hooks.example.com/q","secret":"` + hookSecret + `","headers":{"X-Own":"yes"},
		"eventTypes":["com.qlik.v1.reload.finished","com.qlik.v1.app.reload.finished"]` + rest + `}`
	if status := ask(t, tenant, "POST", "/webhooks", body, &made); status != 201 || !made.SecretKeyAdded {
		t.Fatalf("create: %d %+v", status, made)
	}
	return "/webhooks/" + made.ID
}

// deliveries lists the deliveries of a webhook.
func deliveries(t *testing.T, tenant *sim.Tenant, hook string) []struct{ ID, Status, StatusMessage, EventType string } {
	t.Helper()
	var list struct {
		Data []struct{ ID, Status, StatusMessage, EventType string }
	}
	if status := ask(t, tenant, "GET", hook+"/deliveries?limit=100", "", &list); status != 200 {
		t.Fatalf("deliveries: %d", status)
	}
	return list.Data
}

func TestWebhookTellsOfEachReloadOnItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{status: 200}
		ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud, Deliver: r, ReloadTime: 10 * time.Second})
		c := call(t, tenant)
		hook(t, tenant, `,"enabled":true`)
		reload := must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales"), ResourceID: "mine", ResourceType: "api"}))
		must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Broken")}))
		queued := must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Finance")}))
		must[bool](t)(c.CancelReload(ctx, queued.ID))
		pass(9 * time.Second)
		if got := r.types(); fmt.Sprint(got) != "[reload.finished]" {
			t.Errorf("before the end: %v", got)
		}
		pass(2 * time.Second) // and nobody looks
		synctest.Wait()
		if got := r.types(); len(got) != 5 {
			t.Errorf("after the end: %v", got)
		}
		outcomes := map[string]any{}
		for _, e := range r.got {
			data := e["data"].(map[string]any)
			if e["type"] == "com.qlik.v1.reload.finished" {
				outcomes[e["toplevelresourceid"].(string)] = data["status"]
				if data["id"] == reload.ID && (data["succeeded"] != true || data["resourceId"] != "mine" || data["durationSeconds"] != 9.0 || e["specversion"] != "1.0") {
					t.Errorf("event: %v", e)
				}
			}
		}
		want := map[string]any{tenant.App("Sales"): "SUCCEEDED", tenant.App("Broken"): "FAILED", tenant.App("Finance"): "CANCELED"}
		if fmt.Sprint(outcomes) != fmt.Sprint(want) || len(r.wrong) > 0 {
			t.Errorf("outcomes %v, want %v; wrong: %v", outcomes, want, r.wrong)
		}
		tenant.Close()
	})
}

func TestFailedDeliveryIsKeptAndSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{status: 308}
		ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud, Deliver: r})
		path := hook(t, tenant, `,"enabled":true,"filter":"topLevelResourceId eq \"`+tenant.App("Sales")+`\""`)
		must[qlik.Reload](t)(call(t, tenant).ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")}))
		must[qlik.Reload](t)(call(t, tenant).ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Finance")}))
		pass(3 * time.Second)
		synctest.Wait()
		list := deliveries(t, tenant, path)
		if len(list) != 2 || list[0].Status != "fail" || list[0].StatusMessage != "redirects are forbidden 308" {
			t.Fatalf("deliveries: %+v", list)
		}
		r.status = 204
		var again struct{ ID, Status string }
		if status := ask(t, tenant, "POST", path+"/deliveries/"+list[0].ID+"/actions/resend", "", &again); status != 201 || again.Status != "success" || again.ID == list[0].ID {
			t.Errorf("resent: %d %+v", status, again)
		}
		if got := r.got; got[len(got)-1]["id"] != got[0]["id"] && got[len(got)-1]["id"] != got[1]["id"] {
			t.Error("the event that was sent again has another id")
		}
		var one struct{ Request struct{ Body map[string]any } }
		if status := ask(t, tenant, "GET", path+"/deliveries/"+again.ID, "", &one); status != 200 || one.Request.Body["tenantid"] == nil {
			t.Errorf("one delivery: %d %+v", status, one)
		}
		if got := len(deliveries(t, tenant, path)); got != 3 {
			t.Errorf("%d deliveries, want 3", got)
		}
		tenant.Close()
	})
}

func TestWebhookIsDisabledWhenNobodyIsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud, Deliver: &receiver{}, Quota: sim.Unlimited()})
		path := hook(t, tenant, `,"enabled":true`)
		var seen struct {
			Enabled        bool
			DisabledReason string
		}
		for range 30 {
			must[qlik.Reload](t)(call(t, tenant).ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")}))
			pass(3 * time.Second)
		}
		synctest.Wait()
		if ask(t, tenant, "GET", path, "", &seen); seen.Enabled || seen.DisabledReason == "" {
			t.Errorf("after 60 failures: %+v", seen)
		}
		if status := ask(t, tenant, "PATCH", path, `[{"op":"replace","path":"/enabled","value":true}]`, nil); status != 204 {
			t.Errorf("enable: %d", status)
		}
		seen.DisabledReason = ""
		if ask(t, tenant, "GET", path, "", &seen); !seen.Enabled || seen.DisabledReason != "" {
			t.Errorf("enabled again: %+v", seen)
		}
		tenant.Close()
	})
}

func TestWebhooksAreChecked(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
	for _, body := range []string{
		`{`, `{}`, `{"name":"h","url":"not an address"}`, `{"name":"h","url":"https://x","secret":"short"}`, `{"name":"h","url":"https://x","level":"all"}`,
		`{"name":"h","url":"https://x","eventTypes":["com.qlik.other"]}`, `{"name":"h","url":"https://x","filter":"colour eq \"red\""}`, `{"name":7}`,
	} {
		if status := ask(t, tenant, "POST", "/webhooks", body, nil); status != 400 {
			t.Errorf("%s: %d, want 400", body, status)
		}
	}
	path := hook(t, tenant, "")
	var seen struct {
		Enabled bool
		Level   string
		Headers map[string]string
	}
	if ask(t, tenant, "GET", path, "", &seen); seen.Enabled || seen.Level != "tenant" {
		t.Errorf("a webhook is off until it is switched on: %+v", seen)
	}
	for _, patch := range []string{
		`{}`, `[{"op":"replace","path":"/level","value":"user"}]`, `[{"op":"test","path":"/name"}]`, `[{"op":"remove","path":"/name"},{"op":"replace","path":"/name","value":""}]`,
		`[{"op":"replace","path":"/enabled","value":"yes"}]`,
	} {
		if status := ask(t, tenant, "PATCH", path, patch, nil); status != 400 {
			t.Errorf("%s: %d, want 400", patch, status)
		}
	}
	if status := ask(t, tenant, "PATCH", path, `[{"op":"replace","path":"/headers","value":{"X":"1"}},{"op":"remove","path":"/secret"}]`, nil); status != 204 {
		t.Errorf("patch: %d", status)
	}
	seen.Headers = nil
	if ask(t, tenant, "GET", path, "", &seen); fmt.Sprint(seen.Headers) != "map[X:1]" {
		t.Errorf("patched: %+v", seen)
	}
	var list struct{ Data []struct{ ID string } }
	if ask(t, tenant, "GET", "/webhooks", "", &list); len(list.Data) != 1 {
		t.Errorf("list: %+v", list)
	}
	if ask(t, tenant, "GET", "/webhooks/event-types", "", &list); len(list.Data) != 2 {
		t.Errorf("event types: %+v", list)
	}
	if status := ask(t, tenant, "DELETE", path, "", nil); status != 204 {
		t.Errorf("delete: %d", status)
	}
	if status := ask(t, tenant, "GET", path, "", nil); status != 404 {
		t.Errorf("after it was deleted: %d", status)
	}
	if status := ask(t, sim.New(sim.Config{}), "GET", "/webhooks", "", nil); status != 404 {
		t.Errorf("the document knows no webhooks: %d", status)
	}
}

func TestReplacingAWebhookClearsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
	path := hook(t, tenant, `,"enabled":true`)
	var seen struct {
		Name, Level             string
		Enabled, SecretKeyAdded bool
	}
	const whole = `{"name":"other","url":"https://x","eventTypes":["com.qlik.v1.reload.finished"]`
	if status := ask(t, tenant, "PUT", path, whole+`}`, &seen); status != 200 || seen.Name != "other" || seen.Enabled || seen.SecretKeyAdded || seen.Level != "tenant" {
		t.Errorf("replaced: %d %+v", status, seen)
	}
	if status := ask(t, tenant, "PUT", path, whole+`,"enabled":true}`, &seen); status != 200 || !seen.Enabled {
		t.Errorf("replaced: %d %+v", status, seen)
	}
	for body, want := range map[string]int{whole + `,"createdByUserId":"me"}`: 409, whole + `,"secret":"short"}`: 400, `{}`: 400, `{`: 400} {
		if status := ask(t, tenant, "PUT", path, body, nil); status != want {
			t.Errorf("%s: %d, want %d", body, status, want)
		}
	}
	if status := ask(t, tenant, "PUT", "/webhooks/none", whole+`}`, nil); status != 404 {
		t.Errorf("no such webhook: %d", status)
	}
}
