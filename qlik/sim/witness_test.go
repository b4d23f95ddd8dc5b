package sim_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/qlikgateway/gateway/schemas"
)

// A witness holds every request and every answer that passes against Qlik's
// document, with a library that the simulator does not use, and remembers which
// statuses each operation was answered with.
type witness struct {
	t    *testing.T
	doc  *openapi3.T
	next http.RoundTripper

	mu   sync.Mutex
	seen map[string]bool // "operationId status"
}

// malformed marks a request that is meant to be wrong.
const malformed = "X-Malformed"

func newWitness(t *testing.T, next http.RoundTripper) *witness {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(schemas.QlikCloud())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatalf("the document is not valid OpenAPI 3.1: %v", err)
	}
	return &witness{t: t, doc: doc, next: next, seen: map[string]bool{}}
}

// RoundTrip passes a request on and looks at both ways.
func (w *witness) RoundTrip(req *http.Request) (*http.Response, error) {
	input := w.route(req)
	if input == nil {
		return w.next.RoundTrip(req)
	}
	id := input.Route.Operation.OperationID
	if req.Header.Get(malformed) == "" {
		w.hold(id+": request", openapi3filter.ValidateRequest(req.Context(), input))
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	w.seen[fmt.Sprintf("%s %d", id, resp.StatusCode)] = true
	w.mu.Unlock()
	w.hold(fmt.Sprintf("%s: answer %d %s", id, resp.StatusCode, body), openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}))
	return resp, nil
}

func (w *witness) hold(what string, err error) {
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
}

// route finds the operation of a request; nil when it is not in the document.
func (w *witness) route(req *http.Request) *openapi3filter.RequestValidationInput {
	path, inside := strings.CutPrefix(req.URL.EscapedPath(), "/api/v1")
	if !inside {
		return nil
	}
	var best *openapi3filter.RequestValidationInput
	for template, item := range w.doc.Paths.Map() {
		operation := item.GetOperation(req.Method)
		params, fits := fit(template, path)
		if operation == nil || !fits || (best != nil && len(best.PathParams) < len(params)) {
			continue
		}
		best = &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params,
			Route:   &routers.Route{Spec: w.doc, Path: template, PathItem: item, Method: req.Method, Operation: operation},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}
	}
	return best
}

// fit reads the parameters of a path, if it is one of a template.
func fit(template, path string) (map[string]string, bool) {
	want, got, params := strings.Split(template, "/"), strings.Split(path, "/"), map[string]string{}
	if len(want) != len(got) {
		return nil, false
	}
	for i, segment := range want {
		if name, isParam := strings.CutPrefix(segment, "{"); isParam {
			params[strings.TrimSuffix(name, "}")] = got[i]
		} else if segment != got[i] {
			return nil, false
		}
	}
	return params, true
}
