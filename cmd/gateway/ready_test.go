package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestReadyWaitsAndSaysWhyNot(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	console := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || r.Header.Get("Authorization") != "" {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		if asked.Add(1)%3 != 0 {
			answer.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(answer, `{"status":"not ready","error":"the disk is full"}`)
		}
	}))
	defer console.Close()
	if code, _, errOut := command("ready", "--server", console.URL); code != exitFailed || !strings.Contains(errOut, "the disk is full") {
		t.Errorf("not ready: %d %s", code, errOut)
	}
	if code, out, errOut := command("ready", "--wait", "1m", "--server", strings.TrimPrefix(console.URL, "http://")); code != exitDone || out != "it takes events\n" {
		t.Errorf("ready after a while: %d %s%s", code, out, errOut)
	}
	if code, _, errOut := command("ready", "--wait", "300ms", "--server", "127.0.0.1:1"); code != exitFailed || !strings.Contains(errOut, "is it running") {
		t.Errorf("nobody there: %d %s", code, errOut)
	}
}
