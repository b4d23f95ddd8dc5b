package broker

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Reach connects to an external server as the gateway would, says which server it
// is, and leaves again. Nothing is made there. Its error says what is missing: the
// server, the right to connect, or JetStream.
func Reach(ctx context.Context, cfg Config, log zerolog.Logger) (string, error) {
	conn, err := dialExternal(cfg, cfg.Login, "doctor", log)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return "", fmt.Errorf("use JetStream: %w", err)
	}
	account, err := js.AccountInfo(ctx)
	if err != nil {
		return "", fmt.Errorf("use JetStream: %w", err)
	}
	return fmt.Sprintf("NATS server %s, version %s, JetStream with %d streams", conn.ConnectedServerName(), conn.ConnectedServerVersion(), account.Streams), nil
}
