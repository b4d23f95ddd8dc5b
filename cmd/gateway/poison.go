package main

import (
	"context"
	"errors"
	"maps"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// burial keeps what somebody's stream holds and nobody can read among the dead
// letters, once, however often it is tried. Of what is too large for them only
// the headers are kept.
func burial(dead *events.DeadLetters) func(context.Context, ingress.Poison) error {
	return func(ctx context.Context, poison ingress.Poison) error {
		entry := events.Entry{Sequence: poison.Sequence, Header: nats.Header{}, Body: poison.Body}
		maps.Copy(entry.Header, poison.Header)
		entry.Source = poison.Source
		entry.Header.Set(jetstream.MsgIDHeader, poison.ID)
		why := events.Burial{Reason: events.ReasonUndecodable, Hop: "ingress", Hint: poison.Hint}
		err := dead.Put(ctx, entry, why)
		if errors.Is(err, events.ErrTooLarge) {
			entry.Body = nil
			err = dead.Put(ctx, entry, why)
		}
		return err
	}
}
