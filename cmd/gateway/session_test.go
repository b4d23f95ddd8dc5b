package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestTakenPortIsSaidWithTheKeyThatNamesAnother(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // the test is over
	address := taken.Addr().String()
	for key, cfg := range map[string]*config{
		"http.addr":    {HTTPAddr: address, ConsoleAddr: "127.0.0.1:0"},
		"console.addr": {HTTPAddr: "127.0.0.1:0", ConsoleAddr: address},
	} {
		_, err := (&gateway{cfg: cfg, log: zerolog.Nop()}).openFront()
		if err == nil || !strings.Contains(err.Error(), "is another gateway running?") || !strings.HasSuffix(err.Error(), "or set "+key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if code, out := said("sim", "--addr", address); code != exitFailed || !strings.Contains(out, "or set --addr") {
		t.Errorf("sim: %d %s", code, out)
	}
}

func TestWhoAsksBeforeTheStoreIsOpenIsNotToldOfAnEvent(t *testing.T) {
	t.Parallel()
	f, err := (&gateway{cfg: &config{HTTPAddr: "127.0.0.1:0", ConsoleAddr: "127.0.0.1:0"}, log: zerolog.Nop()}).openFront()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = f.public.Close(), f.internal.Close() }()
	for want, door := range map[string]http.Handler{"the event was not stored": f.senders.Handler, "the gateway is starting": f.operators.Handler} {
		answer := httptest.NewRecorder()
		door.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1/runs", http.NoBody))
		if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), `"detail":"`+want) {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
}
