package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// records reads the whole stream of outcomes, and which event each position of the
// journal holds. A cluster that lost a server may refuse a consumer at first.
func (c *chaos) records() (outcomes []chaosOutcome, journal map[uint64]string) {
	b, err := broker.Open(c.t.Context(), c.where, zerolog.Nop())
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = b.Close(context.Background()) }()
	journal = map[uint64]string{}
	c.read(b, b.Names().In, func(sequence uint64, data []byte) {
		var event struct{ ID string }
		if err := json.Unmarshal(data, &event); err != nil {
			c.t.Errorf("journal holds %q: %v", data, err)
		}
		journal[sequence] = event.ID
	})
	c.read(b, b.Names().Out, func(_ uint64, data []byte) {
		var outcome chaosOutcome
		if err := json.Unmarshal(data, &outcome); err != nil {
			c.t.Errorf("outcome %q: %v", data, err)
		}
		if strings.Contains(string(data), chaosSecret) {
			c.t.Errorf("I10: the outcome %s holds a secret", outcome.ID)
		}
		outcomes = append(outcomes, outcome)
	})
	return outcomes, journal
}

// read hands every message of a stream to take.
func (c *chaos) read(b *broker.Broker, stream string, take func(uint64, []byte)) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		messages, err := c.messages(b, stream)
		if err == nil {
			for _, msg := range messages {
				meta, err := msg.Metadata()
				if err != nil {
					c.t.Fatal(err)
				}
				take(meta.Sequence.Stream, msg.Data())
			}
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatal(err)
		}
	}
}

func (c *chaos) messages(b *broker.Broker, stream string) ([]jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	consumer, err := b.JetStream().OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", stream, err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", stream, err)
	}
	if info.NumPending == 0 {
		return nil, nil
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", stream, err)
	}
	defer messages.Stop()
	var all []jetstream.Msg
	for range info.NumPending {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read message %d of %d of %s: %w", len(all), info.NumPending, stream, err)
		}
		all = append(all, msg)
	}
	return all, nil
}
