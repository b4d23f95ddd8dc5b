package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/ingress"
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

func TestSenderThatIsSlowIsNoFailureOfTheStop(t *testing.T) {
	t.Parallel()
	reading, ended := make(chan struct{}), make(chan struct{})
	log := &lockedBuffer{}
	server := ingress.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		defer close(ended)
		buffer := make([]byte, 1)
		_, _ = r.Body.Read(buffer)
		close(reading)
		_, _ = r.Body.Read(buffer) // what never comes
	}), zerolog.Nop())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	sender, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	if _, err := sender.Write([]byte("POST /hooks/jobs HTTP/1.1\r\nHost: gateway\r\nContent-Length: 9\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	<-reading
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := hangUp(ctx, server, zerolog.New(log)); err != nil {
		t.Errorf("the stop failed: %v", err)
	}
	<-ended
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "cut off") {
		t.Errorf("nothing is said of it: %q", log.String())
	}
}
