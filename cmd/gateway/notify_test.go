package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestServiceManagerHearsHowTheGatewayIs(t *testing.T) {
	t.Parallel()
	told, socket := serviceManager(t)
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer console.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { supervisorOf(socket).watch(ctx, strings.TrimPrefix(console.URL, "http://")) })
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		if got := told(); got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	cancel()
	watching.Wait()
	last := told()
	for last == "WATCHDOG=1" {
		last = told()
	}
	if last != "STOPPING=1" {
		t.Errorf("told %q at last", last)
	}
}

func TestServiceManagerIsNotToldThatABrokenConsoleIsWell(t *testing.T) {
	t.Parallel()
	told, socket := serviceManager(t)
	var asked atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		if asked.Add(1) == 3 {
			cancel()
		}
	}))
	defer console.Close()
	supervisorOf(socket).watch(ctx, strings.TrimPrefix(console.URL, "http://"))
	if got := []string{told(), told()}; !slices.Equal(got, []string{"READY=1", "STOPPING=1"}) {
		t.Errorf("told %q", got)
	}
}

// supervisorOf is a supervisor that wants to hear often.
func supervisorOf(socket string) supervisor {
	environment := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "60000"}
	return newSupervisor(func(name string) string { return environment[name] }, zerolog.Nop())
}

// serviceManager listens as systemd does, and returns what it is told, line by line.
func serviceManager(t *testing.T) (told func() string, socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func() string {
		buffer := make([]byte, 256)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("told nothing: %v", err)
		}
		return string(buffer[:n])
	}, socket
}

// Behind a proxy for the way to Qlik the console is asked without it, also one that
// listens on every interface.
func TestServiceManagerHearsOfTheGatewayPastAProxy(t *testing.T) {
	t.Parallel()
	told, socket := serviceManager(t)
	proxy := httptest.NewServer(http.NotFoundHandler())
	defer proxy.Close()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	text := "http: {addr: '127.0.0.1:0'}\nconsole: {addr: ':0'}\nbroker: {data_dir: '" + t.TempDir() + "'}\n" + tenantWithKey
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startIn(t, []string{"HTTP_PROXY=" + proxy.URL, "HTTPS_PROXY=" + proxy.URL, "NO_PROXY=", "NOTIFY_SOCKET=" + socket, "WATCHDOG_USEC=600000"}, "run", "--config", path)
	for _, want := range []string{"READY=1", "WATCHDOG=1"} {
		if got := told(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}
