package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// markEvery is how often the water mark is written while streams grow: what was
// stored after the last mark and then lost goes unnoticed.
const markEvery = time.Second

const (
	unmarked     = 20_000 // more messages than a stream gets in that time
	largestBatch = 1000   // messages that the server takes in one atomic batch
)

// A mark is how far a stream had come.
type mark struct {
	Last     uint64 `json:"last"`     // sequence of its newest message
	Messages uint64 `json:"messages"` // how many it held
}

// A damaged single-copy store drops messages at its start without a word. So the
// embedded broker keeps beside the store how far each stream had come, and says
// loudly when one has come back with less.

func (b *Broker) markFile() string { return filepath.Join(b.cfg.DataDir, "watermark.json") }

// compare holds the streams against the water mark of the last time.
func (b *Broker) compare(ctx context.Context) error {
	text, err := os.ReadFile(b.markFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read water mark: %w", err)
	}
	marks := map[string]mark{}
	if err := json.Unmarshal(text, &marks); err != nil {
		b.log.Warn().Err(err).Str("file", b.markFile()).Msg("the water mark cannot be read; whether messages are missing is not known")
		return nil
	}
	now, err := b.marks(ctx)
	if err != nil {
		return err
	}
	if was := marks[b.names.In]; now[b.names.In].Last < was.Last {
		if err := b.Skip(ctx, was.Last+unmarked); err != nil {
			return fmt.Errorf("have %s go on behind what it lost: %w", b.names.In, err)
		}
	}
	for name, was := range marks {
		is := now[name]
		switch {
		case is.Last < was.Last:
			b.miss(fmt.Sprintf("stream %s ends at %d and had come to %d: up to %d acknowledged messages are missing", name, is.Last, was.Last, was.Last-is.Last))
		case name == b.names.In && is.Last == was.Last && is.Messages < was.Messages:
			b.miss(fmt.Sprintf("stream %s holds %d messages and had %d: %d acknowledged messages are missing", name, is.Messages, was.Messages, was.Messages-is.Messages))
		}
	}
	return nil
}

// Skip has the journal's next event get a sequence behind one, as if nothing had been
// lost: dispatchers have read up to there, and would take a sequence that comes again
// for an event that they have admitted.
func (b *Broker) Skip(ctx context.Context, last uint64) error {
	stream, err := b.js.Stream(ctx, b.names.In)
	if err != nil {
		return err
	}
	at := stream.CachedInfo().State
	if at.Msgs == 0 {
		return stream.Purge(ctx, jetstream.WithPurgeSequence(last+1))
	}
	nobodys := b.names.InSubject + ".-.-" // of no tenant, so that nobody reads it
	for at.LastSeq < last {
		batch := make([]*nats.Msg, min(last-at.LastSeq, largestBatch))
		for i := range batch {
			batch[i] = nats.NewMsg(nobodys)
		}
		ack, err := jetstreamext.PublishMsgBatch(ctx, b.js, batch)
		if err != nil {
			return err
		}
		at.LastSeq = ack.Sequence
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(nobodys))
}

func (b *Broker) miss(text string) {
	b.missing = append(b.missing, text)
	b.log.Error().Str("hop", "store").Msg(text + ": the store is damaged or was replaced; restore a backup, or let the senders send again what they sent since")
}

// marks reads how far the streams that keep what was acknowledged have come.
func (b *Broker) marks(ctx context.Context) (map[string]mark, error) {
	marks := map[string]mark{}
	for _, name := range []string{b.names.In, b.names.Out, "KV_" + b.names.Ledger} {
		state, err := b.state(ctx, name)
		if err != nil {
			return nil, err
		}
		marks[name] = mark{Last: state.LastSeq, Messages: state.Msgs}
	}
	return marks, nil
}

// keepMark writes the water mark while the broker is open.
func (b *Broker) keepMark() {
	defer close(b.kept)
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	var before string
	for {
		select {
		case <-b.closing:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
		text, err := b.writeMark(ctx, before)
		cancel()
		if err != nil {
			b.log.Warn().Err(err).Msg("the water mark was not written")
			continue
		}
		before = text
	}
}

// writeMark replaces the mark, unless it says what it said before.
func (b *Broker) writeMark(ctx context.Context, before string) (string, error) {
	marks, err := b.marks(ctx)
	if err != nil {
		return before, err
	}
	text, err := json.Marshal(marks)
	if err != nil || string(text) == before {
		return before, err
	}
	next := b.markFile() + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return before, err
	}
	return string(text), os.Rename(next, b.markFile())
}
