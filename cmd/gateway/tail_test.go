package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What is told between the list and the stream is asked for by the newest of the list.
func TestTailMissesNothingBetweenWhatWasToldAndWhatComes(t *testing.T) {
	t.Parallel()
	const told = `{"sequence": %d, "type": "io.qlikgateway.v1.run.succeeded", "tenant": "acme", "run": "run-%d"}`
	for newest, earlier := range map[string]string{"0": "", "7": fmt.Sprintf(told, 7, 7) + "," + fmt.Sprintf(told, 6, 6)} {
		console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/api/v1/events":
				_, _ = fmt.Fprintf(w, `{"data": [%s]}`, earlier)
			case r.Header.Get("Last-Event-ID") == newest:
				_, _ = fmt.Fprintf(w, "retry: 2000\n\nid: 8\ndata: "+told+"\n\n", 8, 8)
			}
		}))
		if code, out, errOut := command("events", "tail", "--server", console.URL); code != exitDone || !strings.Contains(out, "run-8") {
			t.Errorf("behind %s: exit code %d: %s%s", newest, code, out, errOut)
		}
		console.Close()
	}
}
