package events

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// readAhead is how many events a reader asks for before it has handed them on.
	readAhead = 1024

	// How long a reader waits before it tries again after an error.
	shortestWait = 50 * time.Millisecond
	longestWait  = 2 * time.Second

	// readerHeartbeat is how often the broker says that a reader is still there. One that
	// hears nothing for twice as long takes the server of its consumer for gone.
	readerHeartbeat = 3 * time.Second

	// readerWithin bounds what it takes to begin reading. The cluster may have put the
	// consumer on a server that has gone, from which no answer comes; asked anew, it finds
	// another.
	readerWithin = 3 * time.Second

	// readerForgotten is when the broker forgets a reader that went away.
	readerForgotten = time.Minute
)

// Read hands the tenant's events from sequence from on to out, in order, each
// once, and goes on with new ones until ctx ends; then it returns the context's
// error. It outlives lost connections and restarts of the broker.
func (j *Journal) Read(ctx context.Context, tenant string, from uint64, out chan<- Entry) error {
	chosen := jetstream.ConsumerConfig{FilterSubject: j.filter(tenant), OptStartSeq: from}
	return follow(ctx, j.js, j.cfg.In, chosen, func(msg stored) error {
		select {
		case out <- j.decode(msg):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}
