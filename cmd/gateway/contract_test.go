package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/qlikgateway/gateway/schemas"
)

// An order is one change that is asked of the API, and what its answer says of it.
type order struct{ method, path, body, holds string }

// TestChangesThatAreDoneAreAnsweredAsTheDocumentPromises holds the good answers of
// those operations that need a dispatcher, a tenant and a store of the gateway's own;
// package console holds all others.
func TestChangesThatAreDoneAreAnsweredAsTheDocumentPromises(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, when: "!has(data.copy)", do: [{reload: {app: "${data.app}"}}]}
  - {name: copies, on: jobs, when: "has(data.copy)", do: [{copy: {app: "{{Finance}}", name: "${data.copy}"}}]}
apps: {monthly: {id: "{{Finance}}"}}
`, "--reload-time", "10m")
	s.eventually("a dispatcher at work", func() bool { _, out := s.cli("tenants", "ls"); return strings.Contains(out, "closed") })
	s.fault(`{"operation": "copyApp", "drop": "after", "count": 1}`)
	s.hook(`{"app": "` + s.sample("Sales") + `"}`)
	s.hook(`{"copy": "Lost"}`)
	held := s.newest("held") // the other one is running then
	running := s.newest("running")
	s.eventually("lists that say what it waits for", func() bool { // they ask the dispatcher now and then
		var list json.RawMessage
		s.get("http://"+s.up.Console+"/api/v1/runs?state=held", &list)
		return strings.Contains(string(list), `"wait":"decision"`)
	})
	c := answers{site: s}
	for _, change := range []order{
		{"GET", "/api/v1/runs/" + running, "", `"elapsed_seconds"`},
		{"GET", "/api/v1/runs/" + held, "", `"wait":"decision"`},
		{"GET", "/api/v1/runs?state=held", "", `"wait":"decision"`},
		{"GET", "/api/v1/runs?app=monthly", "", `"app_name":"monthly"`},
		{"POST", "/api/v1/runs/" + running + "/cancel", `{}`, running},
		{"POST", "/api/v1/runs/" + held + "/resolve", `{"as": "failed"}`, `"state":"failed"`},
		{"POST", "/api/v1/runs/" + held + "/retry", `{}`, `"replayed":1`},
		{"POST", "/api/v1/pauses", `{"rule": "each", "reason": "month-end", "until": "2126-01-01T00:00:00Z"}`, "month-end"},
		{"POST", "/api/v1/pauses", `{"app": "` + s.sample("Sales") + `"}`, `"of":"app"`},
		{"POST", "/api/v1/pauses", `{"tenant": "acme"}`, `"of":"tenant"`},
		{"POST", "/api/v1/pauses", `{"breaker": true, "reason": "Qlik moves"}`, `"of":"breaker"`},
		{"GET", "/api/v1/pauses", "", "Qlik moves"},
		{"GET", "/api/v1/tenants", "", "Qlik moves"},
		{"DELETE", "/api/v1/pauses/acme.rule.each", "", "month-end"},
		{"DELETE", "/api/v1/pauses/acme.breaker", "", "Qlik moves"},
		{"POST", "/api/v1/backup", `{}`, "complete"},
	} {
		c.hold(change)
	}
	s.eventually("the run is canceled", func() bool { return s.runs("canceled") == 1 })
	c.hold(order{"GET", "/api/v1/runs/" + running, "", `"state":"canceled"`})
	c.hold(order{"GET", "/api/v1/runs/" + running, "", "an operator cancelled the run"})
	c.hold(order{"GET", "/api/v1/runs?state=failed", "", held})
	c.hold(order{"GET", "/api/v1/runs/" + held, "", "an operator resolved the open step as failed"})
}

// answers hold what a gateway answers against the document of its API.
type answers struct{ *site }

// hold asks for a change, and holds request and answer against the document.
func (a answers) hold(asked order) {
	a.t.Helper()
	text, err := schemas.API()
	a.must(err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	a.must(err)
	router, err := legacy.NewRouter(doc)
	a.must(err)
	of := func(host string) *http.Request {
		request, err := http.NewRequestWithContext(a.t.Context(), asked.method, host+asked.path, strings.NewReader(asked.body))
		a.must(err)
		request.Header.Set("Content-Type", "application/json")
		return request
	}
	response, err := http.DefaultClient.Do(of("http://" + a.up.Console))
	a.must(err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	a.must(err)
	if response.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(asked.holds)) {
		a.t.Errorf("%s %s: %s, expected %q in %.500s", asked.method, asked.path, response.Status, asked.holds, answer)
	}
	route, params, err := router.FindRoute(of(""))
	a.must(err)
	in := &openapi3filter.RequestValidationInput{
		Request: of(""), PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(a.t.Context(), in); err != nil {
		a.t.Errorf("%s %s is taken: %v", asked.method, asked.path, err)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: response.StatusCode, Header: response.Header, Body: io.NopCloser(bytes.NewReader(answer)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: response.Header.Get("Content-Type") == "application/x-tar"},
	}
	if err := openapi3filter.ValidateResponse(a.t.Context(), out); err != nil {
		a.t.Errorf("%s %s: %v\n%.2000s", asked.method, asked.path, err, answer)
	}
}

func (a answers) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
