package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/qlikgateway/gateway/events"
)

// ErrDisplaced is returned when another dispatcher has taken the tenant over.
// Nothing was written, and nothing may be called any more.
var ErrDisplaced = errors.New("another dispatcher took the tenant over")

// ErrNoRun is returned for a run that the ledger does not hold.
var ErrNoRun = errors.New("no such run")

// keepEnded is how long the ledger keeps a run that has ended.
const keepEnded = 7 * 24 * time.Hour

// Codes of the server's refusals of a conditional write.
const (
	codeStale   = 10071 // the condition does not hold
	codeBusy    = 10164 // another conditional write is under way
	writeLimit  = 5 * time.Second
	pauseShort  = 50 * time.Millisecond
	pauseLong   = 2 * time.Second
	purgeMarker = "1s" // how long the marker of a purged key stays
)

// A Ledger keeps every run, one key each, and lets only one writer win.
//
// Keys: active.<tenant>.<run>, ended.<tenant>.<run>, epoch.<tenant>,
// cursor.<tenant>, state.<tenant>.outbox, revision.<digest>.
type Ledger struct {
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	bucket string
}

// OpenLedger returns the ledger in a key-value bucket that exists.
func OpenLedger(ctx context.Context, js jetstream.JetStream, bucket string) (*Ledger, error) {
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", bucket, err)
	}
	return &Ledger{js: js, kv: kv, bucket: bucket}, nil
}

// Revision records a configuration and returns its number. The same document has
// the same number in every replica, and later documents have higher ones.
func (l *Ledger) Revision(ctx context.Context, document []byte) (uint64, error) {
	sum := sha256.Sum256(document)
	key := "revision." + hex.EncodeToString(sum[:16])
	revision, err := l.kv.Create(ctx, key, document)
	if err == nil {
		return revision, nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return 0, fmt.Errorf("record configuration: %w", err)
	}
	entry, err := l.kv.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("read configuration: %w", err)
	}
	return entry.Revision(), nil
}

// A Tenure is the right to write a tenant's records, until somebody else takes it.
type Tenure struct {
	ledger *Ledger
	tenant string
	epoch  uint64 // revision of the epoch's key: the fence
}

// TakeOver begins a new tenure over a tenant and ends every earlier one: from its
// return no other dispatcher's write can succeed.
func (l *Ledger) TakeOver(ctx context.Context, tenant, holder string) (*Tenure, error) {
	epoch, err := l.kv.Put(ctx, "epoch."+tenant, []byte(holder))
	if err != nil {
		return nil, fmt.Errorf("take over tenant %s: %w", tenant, err)
	}
	return &Tenure{ledger: l, tenant: tenant, epoch: epoch}, nil
}

// A Change is what one write of a tenure holds.
type Change struct {
	Active []*Run // written as they are
	Ended  []*Run // moved to the ended runs
	Cursor uint64 // journal position, if it moved; 0 = not
	Outbox []events.Outcome
	Tell   bool // Outbox holds the tenant's outbox, to be written
}

// Save writes a change: whole or not at all, and only while the tenure lasts. It
// tries again until it is written, the tenure is over or ctx ends.
func (t *Tenure) Save(ctx context.Context, change Change) error {
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
		case ctx.Err() != nil:
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
	if len(messages) == 1 {
		_, err := t.ledger.js.PublishMsg(ctx, messages[0], jetstream.WithRetryAttempts(0))
		return err
	}
	_, err := jetstreamext.PublishMsgBatch(ctx, t.ledger.js, messages)
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
		msg := nats.NewMsg("$KV." + t.ledger.bucket + "." + key)
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
		purge := nats.NewMsg("$KV." + t.ledger.bucket + ".active." + t.tenant + "." + run.ID)
		purge.Header.Set("KV-Operation", "PURGE")
		purge.Header.Set("Nats-Rollup", "sub")
		purge.Header.Set("Nats-TTL", purgeMarker)
		out = append(out, purge)
	}
	if change.Cursor > 0 && (len(change.Active) == 0 || len(change.Ended) > 0) {
		err = errors.Join(err, put("cursor."+t.tenant, change.Cursor, 0))
	}
	if change.Tell {
		err = errors.Join(err, put("state."+t.tenant+".outbox", change.Outbox, 0))
	}
	if err == nil && len(out) > 0 {
		out[0].Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(t.epoch, 10))
		out[0].Header.Set("Nats-Expected-Last-Subject-Sequence-Subject", "$KV."+t.ledger.bucket+".epoch."+t.tenant)
	}
	return out, err
}

// Load reads what the ledger holds of the tenure's tenant: its active runs, those
// that ended after a time, its outbox and its journal position.
func (t *Tenure) Load(ctx context.Context, endedSince time.Time) (Snapshot, error) {
	var held Snapshot
	watch, err := t.ledger.kv.WatchFiltered(ctx, []string{
		"active." + t.tenant + ".>", "cursor." + t.tenant, "epoch." + t.tenant, "state." + t.tenant + ".>",
	}, jetstream.IgnoreDeletes())
	if err != nil {
		return held, fmt.Errorf("load tenant %s: %w", t.tenant, err)
	}
	defer func() { _ = watch.Stop() }()
	var epoch uint64
	for epoch < t.epoch {
		select {
		case <-ctx.Done():
			return held, fmt.Errorf("load tenant %s: %w", t.tenant, ctx.Err())
		case entry := <-watch.Updates():
			if entry == nil {
				continue // the past is read; go on until our own epoch was seen
			}
			if strings.HasPrefix(entry.Key(), "epoch.") {
				epoch = entry.Revision()
			} else if err := held.take(entry.Key(), entry.Value()); err != nil {
				return held, err
			}
		}
	}
	if epoch > t.epoch {
		return held, ErrDisplaced
	}
	held.Recent, err = t.recent(ctx, endedSince)
	for _, run := range held.Recent {
		held.Cursor = max(held.Cursor, run.Cursor)
	}
	return held, err
}

func (s *Snapshot) take(key string, value []byte) error {
	var err error
	switch kind, _, _ := strings.Cut(key, "."); kind {
	case "active":
		var run Run
		if err = json.Unmarshal(value, &run); err == nil {
			s.Active = append(s.Active, &run)
			s.Cursor = max(s.Cursor, run.Cursor)
		}
	case "cursor":
		var cursor uint64
		err = json.Unmarshal(value, &cursor)
		s.Cursor = max(s.Cursor, cursor)
	case "state": // state.<tenant>.outbox
		err = json.Unmarshal(value, &s.Outbox)
	}
	if err != nil {
		return fmt.Errorf("decode %s: %w", key, err)
	}
	return nil
}
