package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	alone        = 16               // publishes by themselves at a time; more wait for a batch
	batchFrom    = 8                // messages that are worth a batch
	batchTo      = 512              // messages in a batch
	batchBytes   = 4 << 20          // bytes in a batch, of its bodies
	commitWithin = 10 * time.Second // for one batch
	knownMost    = 1 << 15          // ids remembered, twice
	knownFor     = time.Minute      // how long at least, and twice that at most
)

// A committer stores the messages of one stream, each once by its id.
//
// A stream of one replica syncs its file for every message in series; only the
// messages of an atomic batch share a sync. So while few wait, each is published
// by itself, which is quickest; once more than `alone` are under way, the others wait,
// oldest first, and go together as soon as the batch before them is stored. A stream
// of several replicas groups by itself, and one that is not synced needs no groups.
type committer struct {
	writer  *writer
	batches bool // the stream syncs each message by itself
	alone   int  // so many are published by themselves at a time

	mu           sync.Mutex
	single       int                 // under way by themselves
	batching     bool                // somebody publishes batches
	waiting      []*deposit          // for the next batch, oldest first
	flying       map[string]*deposit // under way, by id
	known, older map[string]uint64   // sequences of ids stored of late
	turned       time.Time           // when known was begun
}

// A deposit is a message on its way into the stream.
type deposit struct {
	id       string
	msg      *nats.Msg
	done     chan struct{} // closed when what follows is set
	sequence uint64
	repeated bool // it was stored before
	err      error
}

func newCommitter(js jetstream.JetStream, batches bool) *committer {
	return &committer{writer: &writer{js: js}, batches: batches, alone: alone, flying: map[string]*deposit{}}
}

// store returns once the message is safe in the stream, or was before. A message
// whose id is under way shares the fate of that one.
func (c *committer) store(ctx context.Context, msg *nats.Msg) (sequence uint64, repeated bool, err error) {
	d := &deposit{id: msg.Header.Get(jetstream.MsgIDHeader), msg: msg, done: make(chan struct{})}
	for {
		other, itself := c.enter(d)
		switch {
		case other != nil:
		case itself:
			d.publish(ctx, c.writer)
			c.leave(d)
		default:
			other = d
		}
		if other == nil {
			return d.sequence, d.repeated, d.err
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return 0, false, ctx.Err() // it may be stored all the same
		}
		if (errors.Is(other.err, context.Canceled) || errors.Is(other.err, context.DeadlineExceeded)) && ctx.Err() == nil {
			continue // its sender went away or had less time
		}
		return other.sequence, other.repeated || other != d, other.err
	}
}

// enter says what becomes of a deposit: it shares the fate of another one, it is to
// be published by itself, or it waits in a batch.
func (c *committer) enter(d *deposit) (other *deposit, itself bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sequence, ok := c.stored(d.id); ok {
		other = &deposit{sequence: sequence, repeated: true, done: make(chan struct{})}
		close(other.done)
		return other, false
	}
	if other = c.flying[d.id]; other != nil {
		return other, false
	}
	c.flying[d.id] = d
	if !c.batches || c.single < c.alone && !c.batching {
		c.single++
		return nil, true
	}
	c.waiting = append(c.waiting, d)
	if !c.batching {
		c.batching = true
		go c.drain()
	}
	return nil, false
}

// stored looks an id up among those stored of late.
func (c *committer) stored(id string) (uint64, bool) {
	if sequence, ok := c.known[id]; ok {
		return sequence, true
	}
	sequence, ok := c.older[id]
	return sequence, ok
}

// leave takes note of how a message published by itself ended.
func (c *committer) leave(d *deposit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.single--
	c.ended(d)
}

// ended lets everybody know who waits for the deposit.
func (c *committer) ended(d *deposit) {
	delete(c.flying, d.id)
	if d.err == nil {
		if now := time.Now(); len(c.known) >= knownMost || now.Sub(c.turned) > knownFor {
			c.older, c.known, c.turned = c.known, make(map[string]uint64, len(c.known)), now
		}
		c.known[d.id] = d.sequence
	}
	close(d.done)
}

// drain publishes what waits until nothing does.
func (c *committer) drain() {
	for {
		batch := c.take()
		if len(batch) == 0 {
			return
		}
		c.publish(batch)
		c.mu.Lock()
		for _, d := range batch {
			c.ended(d)
		}
		c.mu.Unlock()
	}
}

// take returns the next batch; none when nothing waits any more.
func (c *committer) take() []*deposit {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, size := 0, 0
	for n < min(len(c.waiting), batchTo) && (n == 0 || size+len(c.waiting[n].msg.Data) <= batchBytes) {
		size += len(c.waiting[n].msg.Data)
		n++
	}
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	c.batching = n > 0
	return batch
}

// publish stores the messages together where that is worth it. A batch is refused as a
// whole for one message, such as one whose id was stored before; then each is
// published by itself.
func (c *committer) publish(batch []*deposit) {
	ctx, cancel := context.WithTimeout(context.Background(), commitWithin)
	defer cancel()
	if len(batch) >= batchFrom {
		msgs := make([]*nats.Msg, len(batch))
		for i, d := range batch {
			msgs[i] = d.msg
		}
		ack, err := PublishBatch(ctx, c.writer.js, msgs)
		if err == nil || !isRefusal(err) {
			for i, d := range batch {
				if d.err = err; err == nil {
					d.sequence = ack.Sequence - uint64(len(batch)-1-i) //nolint:gosec // not negative
				}
			}
			return
		}
	}
	var each sync.WaitGroup
	slots := make(chan struct{}, c.alone)
	for _, d := range batch {
		unbatched(d.msg)
		slots <- struct{}{}
		each.Go(func() {
			d.publish(ctx, c.writer)
			<-slots
		})
	}
	each.Wait()
}

// publish stores the message by itself.
func (d *deposit) publish(ctx context.Context, w *writer) {
	ack, err := w.publish(ctx, d.msg)
	if d.err = err; err == nil {
		d.sequence, d.repeated = ack.Sequence, ack.Duplicate
	}
}

// isRefusal reports whether a batch was judged, and not lost on its way.
func isRefusal(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) || errors.Is(err, nats.ErrMaxPayload)
}

// unbatched takes from a message what made it part of a batch.
func unbatched(msg *nats.Msg) {
	for _, header := range []string{jetstreamext.BatchIDHeader, jetstreamext.BatchSeqHeader, jetstreamext.BatchCommitHeader} {
		msg.Header.Del(header)
	}
}
