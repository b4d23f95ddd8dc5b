package broker_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// TestServerWithTooLittleRoomIsSaid opens streams on a server that has room for a
// small journal only.
func TestServerWithTooLittleRoomIsSaid(t *testing.T) {
	t.Parallel()
	s := run(t, &server.Options{JetStreamMaxStore: 256 << 20})
	_, err := broker.Open(t.Context(), broker.Config{URL: s.ClientURL()}, zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "8589934592 bytes") || !strings.Contains(err.Error(), "broker.journal_bytes") {
		t.Errorf("opened with %v", err)
	}
	open(t, broker.Config{URL: s.ClientURL(), JournalBytes: 32 << 20})
}
