package console_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/schemas"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := schemas.API()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestEveryRouteIsInTheDocument is the other way round.
func TestEveryRouteIsInTheDocument(t *testing.T) {
	t.Parallel()
	doc := document(t)
	var routes []string
	newDesk(t, func(cfg *console.Config) {
		cfg.Routes = func(method, path string) { routes = append(routes, method+" "+path) }
	})
	parameter := regexp.MustCompile(`:(\w+)`)
	seen := 0
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		seen++
		item := doc.Paths.Value(parameter.ReplaceAllString(path, "{$1}"))
		if item == nil || item.GetOperation(method) == nil {
			t.Errorf("%s is not in schemas/api.openapi.yaml", route)
		}
	}
	if seen == 0 {
		t.Error("no route was seen")
	}
}

// bury puts an event on the journal and among the dead letters.
func (d *desk) bury() {
	d.t.Helper()
	event := cloudevents.New()
	event.SetID("bad-1")
	event.SetSource("/etl")
	event.SetType("com.example.done")
	d.must(event.SetData("application/json", json.RawMessage(`{"rows": 1}`)))
	names := d.broker.Names()
	journal := events.NewJournal(d.broker.JetStream(), events.JournalConfig{In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject})
	_, err := journal.Append(d.t.Context(), events.Arrival{Source: "etl", Event: event, DedupeID: "bad-1"}, []events.Target{{Tenant: "acme", Rules: []string{"refresh"}}}, 1)
	d.must(err)
	entry, err := journal.Entry(d.t.Context(), 1)
	d.must(err)
	d.must(d.dead.Put(d.t.Context(), entry, events.Burial{Rule: "refresh", Reason: events.Reasons()[0], Hop: "dispatcher", Hint: "mend the rule"}))
}

// subscribe leaves the state of a subscription that has begun.
func (d *desk) subscribe(name string) {
	d.t.Helper()
	kv, err := d.broker.JetStream().KeyValue(d.t.Context(), d.broker.Names().Ledger)
	d.must(err)
	_, err = kv.Put(d.t.Context(), "subscription."+name, []byte(`{"next": 1, "address": "x", "saved": "2026-01-01T00:00:00Z"}`))
	d.must(err)
}

// tell publishes an outcome of a run.
func (d *desk) tell(kind, run string) {
	d.t.Helper()
	outcome, err := events.NewOutcome(events.Head{
		ID: kind + run + time.Now().String(), Type: kind, Tenant: "acme", Time: time.Now(), Key: run, Rule: "refresh", CorrelationID: run, Subject: run,
	}, events.RunData{Work: events.Work{Tenant: "acme", Run: run, Rule: "refresh"}, State: "succeeded"})
	d.must(err)
	publisher := events.NewPublisher(d.broker.JetStream(), events.PublisherConfig{Subject: d.broker.Names().OutSubject})
	d.must(publisher.Publish(d.t.Context(), outcome))
}

func TestStreamTellsOutcomesAndWhatWasMissed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.tell("io.qlikgateway.v1.run.succeeded", "run-1")
	d.until("/api/v1/events", "run-1")
	first := d.next("")
	d.tell("io.qlikgateway.v1.run.failed", "run-2")
	second := first()
	if second.Run != "run-2" || second.Type != "io.qlikgateway.v1.run.failed" {
		t.Errorf("%+v", second)
	}
	if again := d.next("1")(); again.Run != "run-2" || again.Sequence != second.Sequence {
		t.Errorf("who comes back hears %+v", again)
	}
}

// next opens the stream and returns a function that reads its next outcome.
func (d *desk) next(after string) func() console.Told {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.server.URL+"/api/v1/events/stream", nil)
	d.must(err)
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	response, err := http.DefaultClient.Do(request)
	d.must(err)
	d.t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	lines.Scan() // retry: it has begun
	return func() console.Told {
		var told console.Told
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				d.must(json.Unmarshal([]byte(data), &told))
				return told
			}
		}
		d.t.Fatal("the stream ended")
		return told
	}
}

func TestRolesAndTokens(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(cfg *console.Config) {
		cfg.Tokens = []console.Token{{Name: "ann", Role: console.Operator, Secret: "canary-operator"}, {Name: "bob", Role: console.Viewer, Secret: "canary-viewer"}}
	})
	cancel := "/api/v1/runs/none/cancel"
	for _, ask := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/api/v1/runs", "", 401}, {"GET", "/api/v1/runs", "wrong", 401}, {"GET", "/api/v1/runs", "canary-viewer", 200},
		{"POST", cancel, "canary-viewer", 403}, {"POST", cancel, "canary-operator", 404}, {"POST", cancel, "", 401},
		{"GET", "/debug/pprof/goroutine?debug=1", "canary-viewer", 403}, {"GET", "/debug/pprof/goroutine?debug=1", "canary-operator", 200},
		{"GET", "/healthz", "", 200}, {"GET", "/", "", 401}, {"GET", "/static/style.css", "", 200},
	} {
		headers := []string{"Content-Type", "application/json"}
		if ask.token != "" {
			headers = append(headers, "Authorization", "Bearer "+ask.token)
		}
		if got := d.ask(ask.method, ask.path, "{}", headers...); got.StatusCode != ask.status {
			t.Errorf("%s %s as %q: %s", ask.method, ask.path, ask.token, got.Status)
		}
	}
	signedIn := d.ask("POST", "/login", "token=canary-operator&to=//evil.example", "Content-Type", "application/x-www-form-urlencoded")
	cookie := signedIn.Header.Get("Set-Cookie")
	if signedIn.StatusCode != 303 || signedIn.Header.Get("Location") != "/" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") {
		t.Errorf("%s to %s with %s", signedIn.Status, signedIn.Header.Get("Location"), cookie)
	}
	for to, want := range map[string]string{"/\t/evil.example": "/", "/\n/evil.example": "/", "/\\evil.example": "/", "///evil.example": "/", "https://evil.example": "/", "/runs?state=held": "/runs?state=held"} {
		form := url.Values{"token": {"canary-operator"}, "to": {to}}
		if got := d.ask("POST", "/login", form.Encode(), "Content-Type", "application/x-www-form-urlencoded"); got.Header.Get("Location") != want {
			t.Errorf("who signs in to %q is sent to %q", to, got.Header.Get("Location"))
		}
	}
	value, _, _ := strings.Cut(cookie, ";")
	page := d.ask("GET", "/", "", "Cookie", value)
	if page.StatusCode != 200 || !strings.Contains(page.body, "ann (operator)") {
		t.Errorf("signed in: %s", page.Status)
	}
	if forged := d.ask("GET", "/", "", "Cookie", value+"x"); forged.StatusCode != 401 {
		t.Errorf("a forged cookie: %s", forged.Status)
	}
	if !strings.Contains(d.log.String(), `"by":"ann"`) {
		t.Error("the order is not in the log")
	}
	for _, text := range []string{d.log.String(), cookie, page.body} {
		if strings.Contains(text, "canary") {
			t.Error("a secret is shown")
		}
	}
}

func TestWithoutTokensOnlyThisMachineByItsOwnNameIsLetIn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, ask := range []struct {
		headers []string
		status  int
	}{
		{nil, 200}, {[]string{"Host", "localhost:8081"}, 200}, {[]string{"Host", "rebound.example"}, 401}, {[]string{"X-Forwarded-For", "10.0.0.1"}, 401},
	} {
		if got := d.ask("GET", "/api/v1/runs", "", ask.headers...); got.StatusCode != ask.status {
			t.Errorf("%v: %s", ask.headers, got.Status)
		}
	}
}

func TestTheLogIsTurnedUpAndDownWhileItRuns(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	dial := console.NewDial(zerolog.InfoLevel)
	out := zerolog.New(&log).Hook(dial)
	d := newDesk(t, func(cfg *console.Config) { cfg.Dial = dial })
	out.Debug().Msg("quiet")
	d.ask("POST", "/api/v1/log", `{"level": "debug"}`, "Content-Type", "application/json")
	out.Debug().Msg("heard")
	d.ask("POST", "/api/v1/log", `{"level": "error"}`, "Content-Type", "application/json")
	out.Warn().Msg("quiet")
	if !strings.Contains(log.String(), "heard") || strings.Contains(log.String(), "quiet") {
		t.Errorf("the log has %s", log.String())
	}
}

func TestWhoNamesWhatIsNotThereIsToldWhereToLook(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, ask := range []struct {
		method, path, body, names string
	}{
		{http.MethodGet, "/api/v1/runs/none", "", "gateway runs ls and GET /api/v1/runs"},
		{http.MethodGet, "/api/v1/runs/none/log", "", "gateway runs ls and GET /api/v1/runs"},
		{http.MethodPost, "/api/v1/runs/none/cancel", "{}", "gateway runs ls and GET /api/v1/runs"},
		{http.MethodGet, "/api/v1/dead/99", "", "gateway dead ls and GET /api/v1/dead"},
		{http.MethodGet, "/api/v1/dead/none", "", "gateway dead ls and GET /api/v1/dead"},
		{http.MethodGet, "/api/v1/events/none", "", "gateway events tail and GET /api/v1/events"},
		{http.MethodPost, "/api/v1/subscriptions/none/enable", "{}", "gateway subscriptions ls and GET /api/v1/subscriptions"},
		{http.MethodPost, "/api/v1/pauses", `{"rule": "none"}`, "gateway rules ls and GET /api/v1/rules"},
		{http.MethodPost, "/api/v1/pauses", `{"tenant": "none"}`, "gateway tenants ls and GET /api/v1/tenants"},
		{http.MethodGet, "/nothing", "", "/openapi.json describes the API"},
	} {
		if answer := d.ask(ask.method, ask.path, ask.body, "Content-Type", "application/json"); answer.StatusCode/100 != 4 || !strings.Contains(answer.body, ask.names) {
			t.Errorf("%s %s: %s %s", ask.method, ask.path, answer.Status, answer.body)
		}
	}
}
