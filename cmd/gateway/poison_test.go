package main

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
)

// TestPoisonOfWhateverSizeIsBuried: one that is not would hold up its stream for ever.
func TestPoisonOfWhateverSizeIsBuried(t *testing.T) {
	t.Parallel()
	b, err := broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	dead := events.NewDeadLetters(b.JetStream(), b.Names().Dead, b.Names().DeadSubject)
	bury := burial(dead)
	for i, tt := range []struct {
		name         string
		header, body int
		keeps        bool // the body
	}{{"small", 10, 10, true}, {"large body", 10, 1 << 20, false}, {"large headers", 65_400, 10, true}, {"both large", 65_400, 1<<20 - 100, false}} {
		poison := ingress.Poison{
			ID: tt.name, Source: "etl", Stream: "LOADS", Sequence: uint64(i + 1), Hint: "cannot be read", //nolint:gosec // a few
			Header: nats.Header{"X-Note": {strings.Repeat("x", tt.header)}}, Body: make([]byte, tt.body),
		}
		if err := bury(t.Context(), poison); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		letter, err := dead.Get(t.Context(), uint64(i+1)) //nolint:gosec // a few
		if err != nil || letter.Hint != poison.Hint || (len(letter.Entry.Body) == tt.body) != tt.keeps {
			t.Errorf("%s: %d bytes are kept with %q, %v", tt.name, len(letter.Entry.Body), letter.Hint, err)
		}
	}
}
