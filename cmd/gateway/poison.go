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
// letters, once, however often it is tried. Of what is too large for them the body is left
// out, or the headers where these are what is too large.
func burial(dead *events.DeadLetters) func(context.Context, ingress.Poison) error {
	return func(ctx context.Context, poison ingress.Poison) (err error) {
		why := events.Burial{Reason: events.ReasonUndecodable, Hop: "ingress", Hint: poison.Hint}
		for _, kept := range []struct {
			headers nats.Header
			body    []byte
		}{{poison.Header, poison.Body}, {poison.Header, nil}, {nil, poison.Body}, {nil, nil}} {
			entry := events.Entry{Sequence: poison.Sequence, Header: nats.Header{}, Body: kept.body}
			maps.Copy(entry.Header, kept.headers)
			entry.Source = poison.Source
			entry.Header.Set(jetstream.MsgIDHeader, poison.ID)
			if err = dead.Put(ctx, entry, why); !errors.Is(err, events.ErrTooLarge) {
				break
			}
		}
		return err
	}
}
