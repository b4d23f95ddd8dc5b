package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	inProcessFor  = 2 * time.Second        // an id that is in process for longer has lost its message
	inProcessLook = 100 * time.Millisecond // between two looks at it
	electionEvery = 10 * time.Second       // at most one is asked for in that time
)

// A writer publishes messages that carry an id, each of which is stored once.
//
// A stream of several replicas refuses an id while a message with it is under way.
// When the stream loses its leader in that moment, the message may be lost and its
// id stay "in process" on a server for as long as ids are remembered, which is a
// day (seen with nats-server 2.15): nothing with that id could be stored. Another
// leader either holds the message, and answers that it is a duplicate, or does not
// know the id. So the writer asks for one.
type writer struct {
	js jetstream.JetStream

	mu    sync.Mutex
	asked time.Time // for the last election
}

// publish stores one message, as jetstream.Publisher.PublishMsg does. It waits out
// an id that is in process, until ctx ends.
func (w *writer) publish(ctx context.Context, msg *nats.Msg) (*jetstream.PubAck, error) {
	for began := time.Now(); ; {
		ack, err := w.js.PublishMsg(ctx, msg)
		if !hasCode(err, codeInProcess) {
			return ack, err
		}
		if time.Since(began) > inProcessFor {
			err = errors.Join(err, w.elect(ctx, msg.Subject))
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(inProcessLook):
		}
	}
}

// elect asks the stream of a subject for another leader, unless that was done just now.
func (w *writer) elect(ctx context.Context, subject string) error {
	w.mu.Lock()
	due := time.Since(w.asked) > electionEvery
	if due {
		w.asked = time.Now()
	}
	w.mu.Unlock()
	if !due {
		return nil
	}
	stream, err := w.js.StreamNameBySubject(ctx, subject)
	if err != nil {
		return fmt.Errorf("find the stream of an id in process: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, inProcessFor)
	defer cancel()
	answer, err := w.js.Conn().RequestWithContext(ctx, jetstream.DefaultAPIPrefix+"STREAM.LEADER.STEPDOWN."+stream, nil)
	if err != nil {
		return fmt.Errorf("ask for another leader of %s: %w", stream, err)
	}
	var said struct{ Error *jetstream.APIError }
	if err := json.Unmarshal(answer.Data, &said); err != nil || said.Error != nil {
		return fmt.Errorf("ask for another leader of %s: %w", stream, errors.Join(err, said.Error))
	}
	return nil
}
