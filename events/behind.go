package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// behindLook is how long to wait for a stream's leader between two looks.
	behindLook = 10 * time.Millisecond

	// behindWithin is how long a leader may be behind one of the stream's copies.
	behindWithin = 5 * time.Second
)

// held reads a message that a consumer gave before, from the stream's leader; it is
// jetstream.ErrMsgNotFound once it is gone. In a cluster a consumer reads the copy of
// the server it is on, and that may have a message a moment before the leader has: a
// sequence that the leader has not come to yet is waited for.
func held(ctx context.Context, js jetstream.JetStream, name string, sequence uint64) (*jetstream.RawStreamMsg, error) {
	for began := time.Now(); ; {
		stream, err := js.Stream(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look at stream: %w", err)
		}
		msg, err := stream.GetMsg(ctx, sequence)
		if !errors.Is(err, jetstream.ErrMsgNotFound) || stream.CachedInfo().State.LastSeq >= sequence || time.Since(began) > behindWithin {
			return msg, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(behindLook):
		}
	}
}
