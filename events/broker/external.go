//go:build external

package broker

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Embeds says whether this build has a NATS server in it.
const Embeds = false

// An embedded server is what this build has none of.
type embedded struct{ broken chan struct{} }

func startEmbedded(context.Context, Config, zerolog.Logger) (*embedded, error) {
	return nil, ErrNotEmbedded
}

func (e *embedded) connect(zerolog.Logger) (core, edge *nats.Conn, err error) {
	return nil, nil, ErrNotEmbedded
}
func (e *embedded) room() int64        { return 0 }
func (e *embedded) url() string        { return "" }
func (e *embedded) stores() bool       { return false }
func (e *embedded) renew(Config) error { return ErrNotEmbedded }
func (e *embedded) stop()              {}

// checkUsers has nothing to check: users are the embedded server's.
func (c Config) checkUsers() []error { return nil }
