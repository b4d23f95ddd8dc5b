package main

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	floorSubject = "floor"
	floorAlone   = 16   // publishes by themselves at a time; more wait for a batch
	floorMost    = 1000 // messages in a batch, the most that the broker takes
)

// A floorBatcher publishes each body by itself while few wait, and all that wait in
// one atomic batch when many do. There is nothing else to it: no ids, no bounds, and a
// batch that is refused fails whom it holds.
type floorBatcher struct {
	js    jetstream.JetStream
	alone int

	mu       sync.Mutex
	single   int
	batching bool
	waiting  []floorDeposit
}

type floorDeposit struct {
	msg  *nats.Msg
	done chan error
}

func (f *floorBatcher) keep(ctx context.Context, body []byte) error {
	f.mu.Lock()
	if f.single < f.alone && !f.batching {
		f.single++
		f.mu.Unlock()
		_, err := f.js.Publish(ctx, floorSubject, body)
		f.mu.Lock()
		f.single--
		f.mu.Unlock()
		return err
	}
	d := floorDeposit{&nats.Msg{Subject: floorSubject, Header: nats.Header{}, Data: body}, make(chan error, 1)}
	f.waiting = append(f.waiting, d)
	if !f.batching {
		f.batching = true
		go f.publish()
	}
	f.mu.Unlock()
	return <-d.done
}

// publish publishes what waits until nothing does.
func (f *floorBatcher) publish() {
	for {
		f.mu.Lock()
		batch := f.waiting[:min(len(f.waiting), floorMost)]
		f.waiting = f.waiting[len(batch):]
		f.batching = len(batch) > 0
		f.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		msgs := make([]*nats.Msg, len(batch))
		for i, d := range batch {
			msgs[i] = d.msg
		}
		_, err := jetstreamext.PublishMsgBatch(context.Background(), f.js, msgs)
		for _, d := range batch {
			d.done <- err
		}
	}
}
