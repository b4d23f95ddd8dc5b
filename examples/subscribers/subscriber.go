//go:build ignore

// Command subscriber hears how runs ended, with nats.go: nothing is missed while it is away.
//
//	go run subscriber.go NATS_URL CONSUMER
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("expected NATS_URL CONSUMER")
	}
	if err := listen(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func listen(ctx context.Context, address, consumer string) error {
	conn, err := nats.Connect(address, nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	outcomes, err := js.Consumer(ctx, "GATEWAY_OUT", consumer)
	if err != nil {
		return fmt.Errorf("find consumer: %w", err)
	}
	messages, err := outcomes.Messages()
	if err != nil {
		return fmt.Errorf("read outcomes: %w", err)
	}
	seen := map[string]bool{} // a table of yours, written together with the work, lasts longer
	for {
		msg, err := messages.Next()
		if err != nil {
			return fmt.Errorf("read outcomes: %w", err)
		}
		id, kind, err := attributes(msg)
		if err != nil {
			return fmt.Errorf("read an outcome: %w", err)
		}
		if !seen[id] {
			fmt.Println("go", kind) // the work
			seen[id] = true
		}
		if err := msg.DoubleAck(ctx); err != nil {
			return fmt.Errorf("acknowledge: %w", err) // it comes again
		}
	}
}

// attributes reads the id and the type of an event, whichever broker.format it came in.
func attributes(msg jetstream.Msg) (id, kind string, err error) {
	if id := msg.Headers().Get("ce-id"); id != "" {
		return id, msg.Headers().Get("ce-type"), nil
	}
	var event struct{ ID, Type string }
	err = json.Unmarshal(msg.Data(), &event)
	return event.ID, event.Type, err
}
