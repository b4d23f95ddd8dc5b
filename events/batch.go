package events

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// batchHeard is how long the broker may take to say that it has the first message of a
// batch, which it need not store for that.
const batchHeard = 3 * time.Second

// PublishBatch stores messages as one atomic batch, before ctx ends. The client does not
// heed the end of ctx while it waits for the answer to the first of them, which a server
// that has gone never gives; so that wait is short.
func PublishBatch(ctx context.Context, js jetstream.JetStream, msgs []*nats.Msg) (*jetstreamext.BatchAck, error) {
	heard := batchHeard
	if end, some := ctx.Deadline(); some {
		heard = min(heard, time.Until(end))
	}
	return jetstreamext.PublishMsgBatch(ctx, js, msgs, jetstreamext.BatchFlowControl{AckFirst: true, AckTimeout: heard})
}
