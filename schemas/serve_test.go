package schemas_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/qlikgateway/gateway/schemas"
)

func ask(t *testing.T, method, path, known string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	if known != "" {
		request.Header.Set("If-None-Match", known)
	}
	w := httptest.NewRecorder()
	schemas.Handler().ServeHTTP(w, request)
	return w
}

func TestEverySchemaIsServedAtItsID(t *testing.T) {
	t.Parallel()
	for _, name := range schemas.Events() {
		id, err := url.Parse(schemas.EventID(name))
		if err != nil {
			t.Fatal(err)
		}
		w := ask(t, http.MethodGet, id.Path, "")
		var schema struct {
			ID string `json:"$id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &schema); err != nil || w.Code != http.StatusOK || schema.ID != id.String() {
			t.Errorf("%s: %d, schema of %q, %v", id.Path, w.Code, schema.ID, err)
		}
		tag := w.Header().Get("ETag")
		if w := ask(t, http.MethodGet, id.Path, tag); tag == "" || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("%s asked for again: %d with %d bytes, want 304", id.Path, w.Code, w.Body.Len())
		}
		if w := ask(t, http.MethodHead, id.Path, ""); w.Code != http.StatusOK || w.Body.Len() > 0 {
			t.Errorf("HEAD %s: %d with %d bytes", id.Path, w.Code, w.Body.Len())
		}
	}
	if w := ask(t, http.MethodGet, "/schemas/asyncapi.yaml", ""); w.Code != http.StatusOK || w.Body.String() != string(schemas.AsyncAPI()) {
		t.Errorf("the AsyncAPI document: %d", w.Code)
	}
}

func TestNothingButSchemasIsServed(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{
		"/schemas/": 404, "/schemas/events/v1/": 404, "/schemas/events/v1/nothing.json": 404, "/schemas/events/v1/reload": 404,
		"/schemas/../schemas/events/v1/../../serve.go": 404, "/schemas/config.schema.json": 404,
	} {
		if w := ask(t, http.MethodGet, path, ""); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	if w := ask(t, http.MethodPost, "/schemas/asyncapi.yaml", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}
