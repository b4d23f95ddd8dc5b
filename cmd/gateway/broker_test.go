package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestBrokerThatGoesAwayIsWaitedFor takes the NATS server away under a running
// gateway: senders are told to come back, readiness turns red, and when the server
// is back the gateway goes on by itself with all that was answered 202.
func TestBrokerThatGoesAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := startNATS(t, folder, server.RANDOM_PORT)
	s := newSiteOn(t, " {url: \""+first.ClientURL()+"\"}", `
  - {name: refresh-sales, on: jobs, gather: {quiet: 2s}, app: "{{Sales}}", do: [reload]}
`, "--reload-time", "300ms")
	if status, answer := s.hook(`{"n": 1}`); status != http.StatusAccepted {
		t.Fatalf("webhook: %d %s", status, answer)
	}
	port := first.Addr().(*net.TCPAddr).Port
	first.Shutdown()
	first.WaitForShutdown()
	s.eventually("readiness turns red", func() bool { return s.status("/readyz") == http.StatusServiceUnavailable })
	if status, answer := s.hook(`{"n": 2}`); status != http.StatusServiceUnavailable {
		t.Errorf("webhook without a broker: %d %s, want 503", status, answer)
	}
	startNATS(t, folder, port)
	s.eventually("readiness turns green", func() bool { return s.status("/readyz") == http.StatusOK })
	if status, answer := s.hook(`{"n": 3}`); status != http.StatusAccepted {
		t.Errorf("webhook after the broker came back: %d %s", status, answer)
	}
	s.eventually("both events in runs that succeeded", func() bool {
		var list struct {
			Data []struct {
				State  string
				Causes struct{ Count int }
			}
		}
		s.get("http://"+s.up.Console+"/api/v1/runs", &list)
		causes := 0
		for _, run := range list.Data {
			if run.State == "succeeded" {
				causes += run.Causes.Count
			}
		}
		return causes == 2
	})
}

// TestStopBeforeItIsUpIsNoFailure asks a gateway to stop while it waits for a broker
// that takes connections and says nothing.
func TestStopBeforeItIsUpIsNoFailure(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	config := filepath.Join(t.TempDir(), "gateway.yaml")
	text := fill(`
http: {addr: "127.0.0.1:0"}
console: {addr: "127.0.0.1:0"}
broker: {url: "nats://{{addr}}"}
tenants:
  acme: {url: "http://127.0.0.1:9", api_key: a-key}
`, map[string]string{"addr": silent.Addr().String()})
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	gateway := start(t, "run", "--config", config)
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := gateway.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gateway.line("stopped before it was up")
	<-gateway.done
	if err := gateway.cmd.Wait(); err != nil {
		t.Errorf("a gateway that was asked to stop: %v", err)
	}
}

// status returns what the console answers to a path.
func (s *site) status(path string) int {
	s.t.Helper()
	response, err := http.Get("http://" + s.up.Console + path)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// startNATS starts a NATS server with JetStream on a folder.
func startNATS(t *testing.T, folder string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: folder, SyncAlways: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s
}
