//go:build conformance

package ingress_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// A sent request is what the conformance tool sent, and how it was answered.
type sentRequest struct {
	header http.Header
	body   []byte
	status int
}

// The public CloudEvents conformance tool (.ci/cloudevents) is a sender that was
// not written here: what it sends is taken, and what is stored is what it sent.
func TestConformanceToolsEventsAreStoredAsSent(t *testing.T) {
	tool := os.Getenv("CLOUDEVENTS_TOOL")
	if tool == "" {
		t.Fatal("CLOUDEVENTS_TOOL names no tool; run .ci/cloudevents")
	}
	d := opened(t, nil)
	definitions := greeters()
	definitions[6] = ingress.Source{Name: "events", Preset: "cloudevents", Verify: ingress.Verifier{None: true}}
	d.Set(live(t, definitions, 2))
	handler, err := d.Handler()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sent []sentRequest
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		recorded := httptest.NewRecorder()
		handler.ServeHTTP(recorded, r)
		mu.Lock()
		sent = append(sent, sentRequest{r.Header.Clone(), body, recorded.Code})
		mu.Unlock()
		w.WriteHeader(recorded.Code)
	}))
	defer front.Close()
	args := []string{"invoke", front.URL + "/events", "-f", "testdata/conformance.yaml"}
	if own := os.Getenv("CLOUDEVENTS_YAML"); own != "" { // the tool's own files
		args = []string{"invoke", front.URL + "/events", "-R", "-f", own}
	}
	if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	stored := d.shelf.arrivals()
	if len(sent) < 6 || len(stored) != len(sent) {
		t.Fatalf("%d were sent, %d are stored", len(sent), len(stored))
	}
	for i, request := range sent {
		if request.status != http.StatusAccepted {
			t.Errorf("request %d is answered %d", i, request.status)
		}
		compare(t, request, stored[i])
	}
}

// compare judges by the bytes that were sent, with nothing of the reader under test.
func compare(t *testing.T, request sentRequest, a events.Arrival) {
	t.Helper()
	if strings.HasPrefix(request.header.Get("Content-Type"), "application/cloudevents+json") {
		if !bytes.Equal(a.Raw, request.body) {
			t.Errorf("structured: stored %s, sent %s", a.Raw, request.body)
		}
		return
	}
	if !bytes.Equal(a.Event.Data(), request.body) || a.Raw != nil {
		t.Errorf("binary: stored %s, sent %s", a.Event.Data(), request.body)
	}
	for name, got := range map[string]string{
		"Ce-Id": a.Event.ID(), "Ce-Source": a.Event.Source(), "Ce-Type": a.Event.Type(), "Ce-Subject": a.Event.Subject(),
		"Ce-Dataschema": a.Event.DataSchema(), "Content-Type": a.Event.DataContentType(), "Ce-Specversion": a.Event.SpecVersion(),
	} {
		if want := request.header.Get(name); got != want {
			t.Errorf("%s is stored as %q, sent as %q", name, got, want)
		}
	}
}
