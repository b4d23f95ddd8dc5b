package console_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
)

// A contract holds requests and answers against the document.
type contract struct {
	*desk
	router routers.Router
	asked  map[string]bool // by operationId
}

// An asking is one request, and the status of its answer.
type asking struct {
	method, path, body string
	status             int
}

// askings are every operation of the document, asked well and badly. id is a run that
// ended well, open one that is held.
func askings(id, open string) []asking {
	return []asking{
		{"GET", "/api/v1/runs", "", 200},
		{"GET", "/api/v1/runs?state=held&tenant=acme&rule=refresh&limit=1", "", 200},
		{"GET", "/api/v1/runs?limit=0", "", 400},
		{"GET", "/api/v1/runs?state=odd", "", 400},
		{"GET", "/api/v1/runs/" + id, "", 200},
		{"GET", "/api/v1/runs/" + open, "", 200}, // it waits for a dispatcher
		{"GET", "/api/v1/runs/none", "", 404},
		{"GET", "/api/v1/runs/" + id + "/log", "", 200},
		{"GET", "/api/v1/runs/none/log", "", 404},
		{"POST", "/api/v1/runs/" + open + "/resolve", `{"as": "retry"}`, 503}, // no dispatcher works here
		{"POST", "/api/v1/runs/none/resolve", `{"as": "retry"}`, 404},
		{"POST", "/api/v1/runs/" + open + "/cancel", `{}`, 503},
		{"GET", "/api/v1/pauses", "", 200},
		{"POST", "/api/v1/pauses", `{"rule": "refresh", "reason": "month-end"}`, 503},
		{"POST", "/api/v1/pauses", `{"rule": "none"}`, 400},
		{"POST", "/api/v1/pauses", `{"rule": "refresh", "app": "sales"}`, 400},
		{"POST", "/api/v1/pauses", `{"app": "sale"}`, 400},
		{"POST", "/api/v1/pauses", `{"app": "2f1c6e0a-1111-4222-8333-444455556666"}`, 503},
		{"DELETE", "/api/v1/pauses/acme.rule.refresh", "", 404},
		{"DELETE", "/api/v1/pauses/acme.breaker", "", 503},
		{"GET", "/api/v1/events?type=succeeded", "", 200},
		{"GET", "/api/v1/events?limit=501", "", 400},
		{"GET", "/api/v1/events/1", "", 200},
		{"GET", "/api/v1/events/99", "", 404},
		{"GET", "/api/v1/events/0", "", 400},
		{"GET", "/api/v1/tenants", "", 200},
		{"GET", "/api/v1/log", "", 200},
		{"POST", "/api/v1/log", `{"level": "debug"}`, 200},
		{"POST", "/api/v1/log", `{"level": "loud"}`, 400},
		{"POST", "/api/v1/backup", "{}", 409}, // the store is not the gateway's own here
		{"GET", "/api/v1/dead", "", 200},
		{"GET", "/api/v1/dead/1", "", 200},
		{"GET", "/api/v1/dead/99", "", 404},
		{"POST", "/api/v1/dead/1/replay", "{}", 200},
		{"DELETE", "/api/v1/dead/1", "", 200},
		{"POST", "/api/v1/replay", `{"from": "2026-01-01T00:00:00Z", "dry_run": true}`, 200},
		{"POST", "/api/v1/replay", `{}`, 400},
		{"GET", "/api/v1/subscriptions", "", 200},
		{"POST", "/api/v1/subscriptions/alerts/enable", "{}", 200},
		{"POST", "/api/v1/subscriptions/alerts/replay", `{"since": "2026-01-01T00:00:00Z"}`, 200},
		{"POST", "/api/v1/subscriptions/nobody/enable", "{}", 404},
		{"POST", "/api/v1/subscriptions/removed/enable", "{}", 409},
		{"POST", "/api/v1/subscriptions/removed/replay", `{"since": "2026-01-01T00:00:00Z"}`, 409},
		{"GET", "/api/v1/sources", "", 200},
		{"GET", "/api/v1/rules", "", 200},
		{"POST", "/api/v1/rules/try", `{"source": "etl", "data": {"rows": 1}}`, 200},
		{"POST", "/api/v1/rules/try", `{"source": "etl", "data": {}}`, 200},
		{"POST", "/api/v1/rules/try", `{"source": "nobody"}`, 400},
		{"POST", "/api/v1/runs/" + open + "/retry", "{}", 409}, // it is still open
		{"POST", "/api/v1/runs/none/retry", "{}", 404},
		{"GET", "/api/v1/runs?limit=many", "", 400},
		{"GET", "/api/v1/runs?reason=reload_failed", "", 200},
		{"GET", "/api/v1/runs?reason=odd", "", 400},
		{"GET", "/api/v1/dead?limit=0", "", 400},
		{"POST", "/api/v1/runs/" + open + "/resolve", `{"as": "odd"}`, 400},
		{"POST", "/api/v1/runs/" + open + "/resolve", `{"as": "retry", "ap": "typo"}`, 400},
		{"POST", "/api/v1/pauses", `{"rule": "refresh", "untill": "2026-01-01T00:00:00Z"}`, 400},
		{"POST", "/api/v1/replay", `{"from": "yesterday"}`, 400},
		{"POST", "/api/v1/subscriptions/alerts/replay", `{}`, 400},
		{"POST", "/api/v1/rules/try", `[]`, 400},
		{"POST", "/api/v1/rules/try", `{"data": {}}`, 400},
	}
}

// TestRequestsAndAnswersAreAsTheDocumentPromises holds both sides of each operation
// against the document: what is accepted is allowed by it, what it does not allow is
// refused, and every answer is one that it knows.
func TestRequestsAndAnswersAreAsTheDocumentPromises(t *testing.T) {
	t.Parallel()
	doc := document(t)
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	c := contract{desk: newDesk(t), router: router, asked: map[string]bool{}}
	id := c.put(0, 3, bridge.RunSucceeded, bridge.StepSucceeded)
	open := c.put(3, 1, bridge.RunHeld, bridge.StepUnknown)
	c.until("/api/v1/runs", open)
	c.tell("io.qlikgateway.v1.run.succeeded", id)
	c.until("/api/v1/events", id)
	c.bury()
	c.subscribe("alerts")
	c.subscribe("removed")
	for _, ask := range askings(id, open) {
		got := c.ask(ask.method, ask.path, ask.body, "Content-Type", "application/json")
		if got.StatusCode != ask.status {
			t.Errorf("%s %s: %s %s", ask.method, ask.path, got.Status, got.body)
		}
		c.hold(ask, got.Response, got.body)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.URL+"/api/v1/events/stream?type=failed", nil)
	c.must(err)
	stream, err := http.DefaultClient.Do(request)
	c.must(err)
	defer func() { _ = stream.Body.Close() }()
	c.hold(asking{method: http.MethodGet, path: "/api/v1/events/stream?type=failed"}, stream, "")
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !c.asked[operation.OperationID] {
				t.Errorf("%s %s of the document is not asked here", method, path)
			}
		}
	}
}

// hold holds one request and its answer against the document.
func (c contract) hold(ask asking, got *http.Response, body string) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), ask.method, ask.path, strings.NewReader(ask.body))
	c.must(err)
	request.Header.Set("Content-Type", "application/json")
	route, params, err := c.router.FindRoute(request)
	if err != nil {
		c.t.Errorf("%s %s is not in the document: %v", ask.method, ask.path, err)
		return
	}
	c.asked[route.Operation.OperationID] = true
	in := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true},
	}
	allowed := openapi3filter.ValidateRequest(c.t.Context(), in)
	if (allowed == nil) != (got.StatusCode != http.StatusBadRequest) && !c.beyond(ask) {
		c.t.Errorf("%s %s %s is answered %s; the document says: %v", ask.method, ask.path, ask.body, got.Status, allowed)
	}
	media := got.Header.Get("Content-Type")
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.StatusCode, Header: got.Header, Body: io.NopCloser(bytes.NewReader([]byte(body))),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true,
			ExcludeResponseBody: media == "application/x-ndjson" || strings.HasPrefix(media, "text/event-stream"),
		},
	}
	if err := openapi3filter.ValidateResponse(c.t.Context(), out); err != nil {
		c.t.Errorf("%s %s: %v\n%s", ask.method, ask.path, err, body)
	}
}

// beyond says whether a request is refused for what no schema can say: that a name is
// not configured, or that two fields exclude each other.
func (c contract) beyond(ask asking) bool {
	switch ask.body {
	case `{"rule": "none"}`, `{"rule": "refresh", "app": "sales"}`, `{"app": "sale"}`, `{"source": "nobody"}`:
		return true
	}
	return false
}

// TestReasonsOfTheDocumentAreThoseOfEvents holds the two closed lists together.
func TestReasonsOfTheDocumentAreThoseOfEvents(t *testing.T) {
	t.Parallel()
	var listed []events.Reason
	for _, reason := range document(t).Components.Schemas["Reason"].Value.Enum {
		listed = append(listed, events.Reason(reason.(string)))
	}
	known := events.Reasons()
	slices.Sort(known)
	slices.Sort(listed)
	if !slices.Equal(known, listed) {
		t.Errorf("%v, expected %v", listed, known)
	}
}
