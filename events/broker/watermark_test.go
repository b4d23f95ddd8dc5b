package broker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// TestStoreThatLostMessagesIsNoticed lets a journal grow, puts an older copy of the
// store back, as a bad restore does, and expects the broker to say so.
func TestStoreThatLostMessagesIsNoticed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b, err := broker.Open(t.Context(), broker.Config{DataDir: folder}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := b.JetStream().Publish(t.Context(), "gateway.in.acme.dbt", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.Missing()) != 0 {
		t.Errorf("a new store misses %v", b.Missing())
	}
	awaitMark(t, filepath.Join(folder, "watermark.json"))
	shut(t, b)
	if err := os.RemoveAll(filepath.Join(folder, "jetstream", "GATEWAY", "streams", "GATEWAY_IN", "msgs")); err != nil {
		t.Fatal(err)
	}
	b, err = broker.Open(t.Context(), broker.Config{DataDir: folder}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, b)
	if missing := strings.Join(b.Missing(), "\n"); !strings.Contains(missing, "GATEWAY_IN") || !strings.Contains(missing, "5 acknowledged messages") {
		t.Errorf("missing: %q, want five of GATEWAY_IN", missing)
	}
}

// awaitMark waits until the water mark tells of five messages.
func awaitMark(t *testing.T, file string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), `"GATEWAY_IN":{"last":5,`) {
			return
		}
		select {
		case <-timeout:
			t.Fatalf("water mark: %s, %v", text, err)
		case <-tick.C:
		}
	}
}
