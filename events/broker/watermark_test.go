package broker_test

import (
	"fmt"
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
	awaitMark(t, folder, 5)
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

// TestJournalThatLostItsEndGoesOnBehindIt: dispatchers know up to which sequence they have
// read. An event that came to one of these again would be accepted, and carried out by
// nobody.
func TestJournalThatLostItsEndGoesOnBehindIt(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]int{"all of it": 0, "its end": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, old := t.TempDir(), t.TempDir()
			messages := filepath.Join(folder, "jetstream", "GATEWAY", "streams", "GATEWAY_IN", "msgs")
			publish := func(n int) (last uint64) {
				b, err := broker.Open(t.Context(), broker.Config{DataDir: folder}, zerolog.Nop())
				if err != nil {
					t.Fatal(err)
				}
				defer shut(t, b)
				for range n {
					ack, err := b.JetStream().Publish(t.Context(), "gateway.in.acme.dbt", []byte("x"))
					if err != nil {
						t.Fatal(err)
					}
					last = ack.Sequence
				}
				stream, err := b.JetStream().Stream(t.Context(), "GATEWAY_IN")
				if err != nil {
					t.Fatal(err)
				}
				if state := stream.CachedInfo().State; last > 5 && state.Msgs != uint64(kept+n) {
					t.Errorf("it holds %d messages, want %d", state.Msgs, kept+n)
				}
				awaitMark(t, folder, last)
				return last
			}
			publish(3)
			if err := os.CopyFS(old, os.DirFS(messages)); err != nil {
				t.Fatal(err)
			}
			publish(2)
			if err := os.RemoveAll(messages); err != nil {
				t.Fatal(err)
			}
			if kept > 0 {
				if err := os.CopyFS(messages, os.DirFS(old)); err != nil {
					t.Fatal(err)
				}
			}
			if last := publish(1); last <= 5 {
				t.Errorf("the next event has sequence %d, which was somebody else's", last)
			}
		})
	}
}

// awaitMark waits until the water mark tells of so many messages.
func awaitMark(t *testing.T, folder string, last uint64) {
	t.Helper()
	file := filepath.Join(folder, "watermark.json")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	for {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), fmt.Sprintf(`"GATEWAY_IN":{"last":%d,`, last)) {
			return
		}
		select {
		case <-timeout:
			t.Fatalf("water mark: %s, %v", text, err)
		case <-tick.C:
		}
	}
}
