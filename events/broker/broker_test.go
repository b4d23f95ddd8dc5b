package broker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/rs/zerolog"
)

// open opens a broker that is closed when the test ends.
func open(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	b, err := broker.Open(t.Context(), cfg, zerolog.Nop())
	if err != nil {
		t.Fatalf("open broker: %v", err)
	}
	t.Cleanup(func() { shut(t, b) })
	return b
}

func shut(t *testing.T, b *broker.Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		t.Errorf("close broker: %v", err)
	}
}

func TestOpenMakesStreamsAndBuckets(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{DataDir: t.TempDir()})
	config := func(name string) jetstream.StreamConfig {
		stream, err := b.JetStream().Stream(t.Context(), name)
		if err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
		return stream.CachedInfo().Config
	}
	in := config("GATEWAY_IN")
	if in.MaxAge != 0 || in.Discard != jetstream.DiscardNew || in.Duplicates != 24*time.Hour || !in.AllowAtomicPublish || in.MaxBytes <= 0 {
		t.Errorf("journal is %+v", in)
	}
	for _, name := range []string{"GATEWAY_UNMATCHED", "GATEWAY_OUT", "GATEWAY_DEAD"} {
		if c := config(name); c.MaxAge == 0 || c.Discard != jetstream.DiscardOld {
			t.Errorf("%s is %+v", name, c)
		}
	}
	ledger := config("KV_GATEWAY_LEDGER")
	if ledger.MaxMsgsPerSubject != 1 || !ledger.AllowAtomicPublish || !ledger.AllowMsgTTL || ledger.AllowDirect || ledger.SubjectDeleteMarkerTTL != time.Second {
		t.Errorf("ledger is %+v", ledger)
	}
	if leases := config("KV_GATEWAY_LEASES"); leases.Storage != jetstream.MemoryStorage || !leases.AllowMsgTTL {
		t.Errorf("leases are %+v", leases)
	}
	if err := b.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	if b.ClientURL() != "" {
		t.Errorf("listens on %s though nobody asked", b.ClientURL())
	}
}

func TestStoreSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, broker.Config{DataDir: dir})
	ledger, err := first.JetStream().KeyValue(t.Context(), first.Names().Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.PutString(t.Context(), "epoch.acme", "7"); err != nil {
		t.Fatal(err)
	}
	shut(t, first)
	if first.Ready() == nil {
		t.Error("a closed broker is ready")
	}
	second := open(t, broker.Config{DataDir: dir})
	if ledger, err = second.JetStream().KeyValue(t.Context(), second.Names().Ledger); err != nil {
		t.Fatal(err)
	}
	entry, err := ledger.Get(t.Context(), "epoch.acme")
	if err != nil || string(entry.Value()) != "7" {
		t.Errorf("after restart: %v, %v", entry, err)
	}
	if first.Installation() != second.Installation() {
		t.Errorf("installation changed from %s to %s", first.Installation(), second.Installation())
	}
}

func TestReopeningKeepsWhatAnOperatorTuned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, broker.Config{DataDir: dir})
	stream, err := b.JetStream().Stream(t.Context(), "GATEWAY_OUT")
	if err != nil {
		t.Fatal(err)
	}
	tuned := stream.CachedInfo().Config
	tuned.MaxAge, tuned.Discard = time.Hour, jetstream.DiscardNew
	tuned.Duplicates = time.Hour
	if _, err := b.JetStream().UpdateStream(t.Context(), tuned); err != nil {
		t.Fatal(err)
	}
	shut(t, b)
	b = open(t, broker.Config{DataDir: dir, JournalBytes: 64 << 20})
	if stream, err = b.JetStream().Stream(t.Context(), "GATEWAY_OUT"); err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().Config; got.MaxAge != time.Hour || got.Discard != jetstream.DiscardOld || got.MaxBytes != 8<<20 {
		t.Errorf("age %v (want the operator's), discard %v (want the gateway's), size %d (want an eighth of the configured)", got.MaxAge, got.Discard, got.MaxBytes)
	}
}

func TestStoreThatIsSyncedNowAndThenOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 3 {
		b := open(t, broker.Config{DataDir: dir, Sync: broker.SyncInterval})
		ack, err := b.JetStream().Publish(t.Context(), b.Names().InSubject+".acme.dbt", []byte("{}"))
		if err != nil || ack.Sequence != uint64(i+1) || len(b.Missing()) > 0 { //nolint:gosec // not negative
			t.Fatalf("after %d starts: %+v, %v, missing %v", i, ack, err, b.Missing())
		}
		shut(t, b)
	}
}

func TestSecondGatewayOnOneFolderIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, broker.Config{DataDir: dir})
	_, err := broker.Open(t.Context(), broker.Config{DataDir: dir}, zerolog.Nop())
	if err == nil {
		t.Fatal("a second gateway opened the same folder")
	}
	for _, part := range []string{dir, "in use by another gateway", fmt.Sprint(os.Getpid()), "stop that one"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestStoreOfAnotherInstallationIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shut(t, open(t, broker.Config{DataDir: dir}))
	note := filepath.Join(dir, "installation")
	if err := os.WriteFile(note, []byte("somebody-else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := broker.Open(t.Context(), broker.Config{DataDir: dir}, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "somebody-else") || !strings.Contains(err.Error(), "GATEWAY_*") {
		t.Errorf("opened somebody else's store: %v", err)
	}
	// A lost note is written anew from what the store says.
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	b := open(t, broker.Config{DataDir: dir})
	if text, err := os.ReadFile(note); err != nil || strings.TrimSpace(string(text)) != b.Installation() {
		t.Errorf("note is %q, %v; want %s", text, err, b.Installation())
	}
}

func TestForeignStreamOfTheSameNameIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, broker.Config{DataDir: dir})
	if err := b.JetStream().DeleteStream(t.Context(), "GATEWAY_DEAD"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "GATEWAY_DEAD", Subjects: []string{"letters.>"}}); err != nil {
		t.Fatal(err)
	}
	shut(t, b)
	_, err := broker.Open(t.Context(), broker.Config{DataDir: dir}, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "letters.>") || !strings.Contains(err.Error(), "broker.prefix") {
		t.Errorf("took over a foreign stream: %v", err)
	}
}

func TestExternalServerTakesSeveralInstallations(t *testing.T) {
	t.Parallel()
	url, login := external(t)
	one := open(t, broker.Config{URL: url, Login: login, Prefix: "ONE", Installation: "first", JournalBytes: 1 << 20})
	two := open(t, broker.Config{URL: url, Login: login, Prefix: "TWO", JournalBytes: 1 << 20})
	replica := open(t, broker.Config{URL: url, Login: login, Prefix: "TWO", JournalBytes: 1 << 20})
	if one.Installation() != "first" || two.Installation() == "first" || replica.Installation() != two.Installation() {
		t.Errorf("installations %q, %q and its replica %q", one.Installation(), two.Installation(), replica.Installation())
	}
	if err := two.Ready(); err != nil {
		t.Error(err)
	}
	_, err := broker.Open(t.Context(), broker.Config{URL: url, Login: login, Prefix: "ONE", Installation: "second"}, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), `"first"`) {
		t.Errorf("a second installation took over the first one's streams: %v", err)
	}
}

func TestUnreachableServerIsSaid(t *testing.T) {
	t.Parallel()
	_, err := broker.Open(t.Context(), broker.Config{URL: "nats://127.0.0.1:1"}, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "is the server up") {
		t.Errorf("error: %v", err)
	}
}

func TestPortInUseIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	users := []broker.User{{Name: "etl", Secret: "s"}}
	first := open(t, broker.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", Users: users})
	address := strings.TrimPrefix(first.ClientURL(), "nats://")
	began := time.Now()
	_, err := broker.Open(t.Context(), broker.Config{DataDir: t.TempDir(), Listen: address, Users: users}, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "address already in use") || time.Since(began) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{DataDir: t.TempDir()})
	stuck := make(chan struct{})
	if _, err := b.Edge().Subscribe("etl.done", func(*nats.Msg) { <-stuck }); err != nil {
		t.Fatal(err)
	}
	if err := b.Edge().Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = b.Close(ctx) // whether it made it or not, it returned
	close(stuck)
	shut(t, b)
}
