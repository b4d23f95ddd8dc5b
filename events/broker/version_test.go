package broker_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// TestServerThatIsTooOldIsRefused: one before 2.12 would store a batch in parts, and
// nobody would notice before two dispatchers wrote.
func TestServerThatIsTooOldIsRefused(t *testing.T) {
	t.Parallel()
	for version, old := range map[string]bool{"2.10.29": true, "2.11.9": true, "2.11.0-RC.3": true, "1.4.1": true, "2.12.0": false, "2.15.2": false, "3.0.0": false, "dev": false} {
		_, err := broker.Open(t.Context(), broker.Config{URL: pretend(t, version)}, zerolog.Nop())
		if refused := err != nil && strings.Contains(err.Error(), "has version "+version+", and 2.12 or newer is needed"); refused != old {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// pretend answers a NATS client as a server of a version without JetStream does.
func pretend(t *testing.T, version string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				fmt.Fprintf(conn, "INFO {\"server_name\":\"n\",\"version\":%q,\"headers\":true,\"max_payload\":1048576}\r\n", version) //nolint:errcheck // the client sees it
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					switch command, rest, _ := strings.Cut(lines.Text(), " "); command {
					case "PING":
						fmt.Fprint(conn, "PONG\r\n") //nolint:errcheck // the client sees it
					case "PUB", "HPUB": // nobody hears it
						_, reply, _ := strings.Cut(rest, " ")
						fmt.Fprintf(conn, "HMSG %s 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", strings.Fields(reply + " x")[0]) //nolint:errcheck // the client sees it
					}
				}
			}()
		}
	}()
	return "nats://" + listener.Addr().String()
}

// TestStreamsThatTheServerDoesNotUnderstandAreRefused: behind a new server that one
// connects to, an old one may keep the streams, and forget what it has no name for.
func TestStreamsThatTheServerDoesNotUnderstandAreRefused(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	old, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(old.Close)
	_, err = old.Subscribe("$JS.API.STREAM.>", func(msg *nats.Msg) {
		answer := []byte(`{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`)
		if strings.Contains(msg.Subject, ".CREATE.") {
			var config jetstream.StreamConfig
			if err := json.Unmarshal(msg.Data, &config); err != nil {
				t.Error(err)
			}
			config.AllowAtomicPublish, config.AllowMsgTTL = false, false
			answer, _ = json.Marshal(map[string]any{"config": config, "state": map[string]any{}})
		}
		_ = msg.Respond(answer)
	})
	if err != nil || old.Flush() != nil {
		t.Fatal(err)
	}
	if _, err := broker.Open(t.Context(), broker.Config{URL: s.ClientURL()}, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "2.12 or newer is needed on each server") {
		t.Errorf("opened with %v", err)
	}
}
