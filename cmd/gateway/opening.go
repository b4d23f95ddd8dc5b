package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// unlessStopped is what came of opening: an error is none when the gateway was asked
// to stop meanwhile, for nothing had begun.
func (g *gateway) unlessStopped(ctx context.Context, err error) error {
	if !errors.Is(context.Cause(ctx), context.Canceled) {
		return err
	}
	g.log.Info().Err(err).Str("hop", "up").Msg("stopped before it was up")
	return nil
}

// away reports whether an external broker was not able to answer for the moment,
// as a cluster that is electing a leader is not.
func (g *gateway) away(err error) bool {
	var refused *jetstream.APIError
	return g.cfg.Broker.URL != "" && (errors.Is(err, events.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrTimeout) || errors.As(err, &refused) && refused.Code == http.StatusServiceUnavailable)
}

// openBroker opens the broker. One that may come up later, because it is external
// or its disk was full, is tried again until it is there or ctx ends.
func (g *gateway) openBroker(ctx context.Context, again bool) (*broker.Broker, error) {
	for {
		b, err := broker.Open(ctx, g.cfg.Broker, g.log)
		if err == nil || ctx.Err() != nil || (g.cfg.Broker.URL == "" && !again) {
			return b, err
		}
		g.log.Warn().Err(err).Str("hop", "up").Dur("again_in", brokerWait).Msg("the broker cannot be opened yet")
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(brokerWait):
		}
	}
}
