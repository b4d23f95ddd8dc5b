package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
)

// A Change is what one write of a tenure holds.
type Change struct {
	Active []*Run      // written as they are
	Ended  []*Run      // moved to the ended runs
	Cursor uint64      // journal position, if it moved; 0 = not
	Apps   []AppRecord // what the ends of the runs in Ended teach
	Outbox []events.Outcome
	Blocks []Block // calls set aside, when that changed
	Tell   bool    // Outbox holds the tenant's outbox, to be written

	Foreign []Foreign
	Look    bool // Foreign holds the foreign reloads that wait, to be written
	Pauses  []Pause
	Paused  bool // Pauses holds the pauses in force, to be written
}

// mostInPart is how many records one atomic batch holds. The server takes 1000
// messages, and a run that has ended needs two.
const mostInPart = 400

// parts splits a change that is too large for one atomic batch. Only the last part
// moves the cursor from where it was saved: until it is written, the journal is
// read again from there, and runs written before know the events they hold. What
// is known of apps goes first: it may be learned twice, but not lost.
func (c Change) parts(saved uint64) []Change {
	var parts []Change
	for len(c.Active)+len(c.Ended)+len(c.Apps) > mostInPart {
		apps := min(len(c.Apps), mostInPart)
		active := min(len(c.Active), mostInPart-apps)
		ended := mostInPart - apps - active
		part := Change{Apps: c.Apps[:apps], Active: before(c.Active[:active], saved), Ended: before(c.Ended[:ended], saved)}
		c.Apps, c.Active, c.Ended = c.Apps[apps:], c.Active[active:], c.Ended[ended:]
		parts = append(parts, part)
	}
	return append(parts, c)
}

// before returns the runs with an earlier cursor in their records.
func before(runs []*Run, cursor uint64) []*Run {
	out := make([]*Run, len(runs))
	for i, run := range runs {
		earlier := *run
		earlier.Cursor = min(run.Cursor, cursor)
		out[i] = &earlier
	}
	return out
}

// Save writes a change, and only while the tenure lasts: whole or not at all,
// unless it holds more than mostInPart runs. It tries again until it is written,
// the tenure is over or ctx ends.
func (t *Tenure) Save(ctx context.Context, change Change) error {
	for _, part := range change.parts(t.saved) {
		if err := t.save(ctx, part); err != nil {
			return err
		}
	}
	t.saved = max(t.saved, change.Cursor)
	return nil
}

func (t *Tenure) save(ctx context.Context, change Change) error {
	messages, err := t.messages(change)
	if err != nil || len(messages) == 0 {
		return err
	}
	for wait := pauseShort; ; wait = min(2*wait, pauseLong) {
		err := t.write(ctx, messages)
		var refused *jetstream.APIError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.ErrorCode == codeStale:
			return ErrDisplaced
		case errors.As(err, &refused) && refused.ErrorCode == codeBusy:
		case errors.Is(err, nats.ErrMaxPayload), ctx.Err() != nil: // the first is true for ever
			return fmt.Errorf("save tenant %s: %w", t.tenant, err)
		}
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("save tenant %s: %w", t.tenant, err)
		}
	}
}

func (t *Tenure) write(ctx context.Context, messages []*nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	t.ledger.writing.RLock()
	defer t.ledger.writing.RUnlock()
	if len(messages) == 1 {
		_, err := t.ledger.js.PublishMsg(ctx, messages[0], jetstream.WithRetryAttempts(0))
		return err
	}
	_, err := events.PublishBatch(ctx, t.ledger.js, messages)
	return err
}

// messages encodes a change; the first message carries the fence. A lone run
// carries the cursor inside its record, so that one trigger costs one write.
func (t *Tenure) messages(change Change) ([]*nats.Msg, error) {
	var out []*nats.Msg
	put := func(key string, value any, ttl time.Duration) error {
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", key, err)
		}
		msg := nats.NewMsg(t.ledger.subject(key))
		msg.Data = data
		if ttl > 0 {
			msg.Header.Set("Nats-TTL", ttl.String())
		}
		out = append(out, msg)
		return nil
	}
	var err error
	for _, run := range change.Active {
		err = errors.Join(err, put("active."+t.tenant+"."+run.ID, run, 0))
	}
	for _, run := range change.Ended {
		err = errors.Join(err, put("ended."+t.tenant+"."+run.ID, run, keepEnded))
		purge := nats.NewMsg(t.ledger.subject("active." + t.tenant + "." + run.ID))
		purge.Header.Set("KV-Operation", "PURGE")
		purge.Header.Set("Nats-Rollup", "sub")
		purge.Header.Set("Nats-TTL", purgeMarker)
		out = append(out, purge)
	}
	for _, record := range change.Apps {
		record.Schema = recordSchema
		err = errors.Join(err, put("app."+t.tenant+"."+events.Token(record.App), record, keepApps))
	}
	if change.Cursor > 0 && (len(change.Active) == 0 || len(change.Ended) > 0) {
		err = errors.Join(err, put("cursor."+t.tenant, change.Cursor, 0))
	}
	if change.Blocks != nil {
		err = errors.Join(err, put("calls."+t.tenant, change.Blocks, 0))
	}
	if change.Tell {
		err = errors.Join(err, put("state."+t.tenant+"."+stateOutbox, change.Outbox, 0))
	}
	if change.Paused {
		err = errors.Join(err, put("state."+t.tenant+"."+statePauses, change.Pauses, 0))
	}
	if change.Look {
		err = errors.Join(err, put("state."+t.tenant+"."+stateForeign, change.Foreign, 0))
	}
	if err == nil && len(out) > 0 {
		out[0].Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(t.epoch, 10))
		out[0].Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", t.ledger.subject("epoch."+t.tenant))
	}
	return out, err
}
