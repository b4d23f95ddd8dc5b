package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrDisplaced is returned when another dispatcher has taken the tenant over.
// Nothing was written, and nothing may be called any more.
var ErrDisplaced = errors.New("another dispatcher took the tenant over")

// ErrNoRun is returned for a run that the ledger does not hold.
var ErrNoRun = errors.New("no such run")

// keepEnded is how long the ledger keeps a run that has ended.
const keepEnded = 7 * 24 * time.Hour

// keepApps is how long the ledger keeps what it knows of an app after a reload.
const keepApps = 30 * 24 * time.Hour

// Codes of the server's refusals of a conditional write.
const (
	codeStale = 10071 // the condition does not hold
	codeBusy  = 10164 // another conditional write is under way
)

const (
	writeLimit  = 5 * time.Second // of one write
	pauseShort  = 50 * time.Millisecond
	pauseLong   = 2 * time.Second // waits for the broker grow from one to the other
	purgeMarker = "1s"            // how long the marker of a purged key stays
)

// A Ledger keeps every run, one key each, and lets only one writer win.
//
// Keys: active.<tenant>.<run>, ended.<tenant>.<run>, epoch.<tenant>,
// app.<tenant>.<app>, calls.<tenant>, cursor.<tenant>, state.<tenant>.{outbox,foreign,pauses}, revision.<digest>, restored.
type Ledger struct {
	js      jetstream.JetStream
	kv      jetstream.KeyValue
	bucket  string
	silence time.Duration // how long a take-over waits for a word of the broker; see insist
	writing sync.RWMutex  // held for reading while this process writes; see Still
}

// OpenLedger returns the ledger in a key-value bucket that exists.
func OpenLedger(ctx context.Context, js jetstream.JetStream, bucket string) (*Ledger, error) {
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", bucket, err)
	}
	return &Ledger{js: js, kv: kv, bucket: bucket, silence: silence}, nil
}

// stream is the stream that NATS keeps the ledger's bucket in, and subject the subject of
// a key there.
func (l *Ledger) stream() string            { return "KV_" + l.bucket }
func (l *Ledger) subject(key string) string { return "$KV." + l.bucket + "." + key }

// Revision records a configuration and returns its number. The same document has
// the same number in every replica, and later documents have higher ones.
func (l *Ledger) Revision(ctx context.Context, document []byte) (uint64, error) {
	sum := sha256.Sum256(document)
	key := "revision." + hex.EncodeToString(sum[:16])
	for wait := pauseShort; ; wait = min(2*wait, pauseLong) {
		revision, err := l.kv.Create(ctx, key, document)
		if err == nil {
			return revision, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return 0, fmt.Errorf("record configuration: %w", err)
		}
		entry, err := l.kv.Get(ctx, key)
		if err == nil {
			return entry.Revision(), nil
		}
		// Another replica is recording it at this moment, and not every server of the
		// cluster knows yet.
		if !errors.Is(err, jetstream.ErrKeyNotFound) || pause(ctx, wait) != nil {
			return 0, fmt.Errorf("read configuration: %w", err)
		}
	}
}

// A Tenure is the right to write a tenant's records, until somebody else takes it.
type Tenure struct {
	ledger *Ledger
	tenant string
	epoch  uint64 // revision of the epoch's key: the fence
	saved  uint64 // the journal position in the ledger
}

// TakeOver begins a new tenure over a tenant and ends every earlier one: from its
// return no other dispatcher's write can succeed.
func (l *Ledger) TakeOver(ctx context.Context, tenant, holder string) (*Tenure, error) {
	epoch, err := insist(ctx, l.silence, func(ctx context.Context, _ func()) (uint64, error) {
		return l.kv.Put(ctx, "epoch."+tenant, []byte(holder)) // one that arrives late ends this tenure too
	})
	if err != nil {
		return nil, fmt.Errorf("take over tenant %s: %w", tenant, err)
	}
	return &Tenure{ledger: l, tenant: tenant, epoch: epoch}, nil
}

// Load reads what the ledger holds of the tenure's tenant: its active runs, those
// that ended after a time, its outbox and its journal position.
func (t *Tenure) Load(ctx context.Context, endedSince time.Time) (Snapshot, error) {
	held, err := insist(ctx, t.ledger.silence, func(ctx context.Context, heard func()) (Snapshot, error) {
		held, since, err := t.load(ctx, heard, endedSince)
		endedSince = since
		return held, err
	})
	if err != nil {
		return held, err
	}
	held.Recent, err = insist(ctx, t.ledger.silence, func(ctx context.Context, heard func()) ([]*Run, error) {
		return t.recent(ctx, heard, endedSince)
	})
	for _, run := range held.Recent {
		held.Cursor = max(held.Cursor, run.Cursor)
	}
	t.saved = held.Cursor
	return held, err
}

// load reads all but the runs that ended, and returns after which time these count: not
// after the tenure began, nor after the backup that the ledger comes from.
func (t *Tenure) load(ctx context.Context, heard func(), endedSince time.Time) (held Snapshot, since time.Time, err error) {
	since = endedSince
	watch, err := t.ledger.kv.WatchFiltered(ctx, []string{
		"active." + t.tenant + ".>", "cursor." + t.tenant, "epoch." + t.tenant, "state." + t.tenant + ".>", "app." + t.tenant + ".>", "calls." + t.tenant,
		restoredKey,
	})
	if err != nil {
		return held, since, fmt.Errorf("load tenant %s: %w", t.tenant, err)
	}
	defer func() { _ = watch.Stop() }()
	var epoch uint64
	active := map[string]*Run{}
	for epoch < t.epoch {
		entry, err := next(ctx, watch)
		if err != nil {
			return held, since, fmt.Errorf("load tenant %s: %w", t.tenant, err)
		}
		heard()
		switch {
		case entry == nil: // the past is read; go on until our own epoch was seen
		case strings.HasPrefix(entry.Key(), "epoch."):
			epoch, since = entry.Revision(), earlier(entry.Created(), since)
		default:
			if err := held.follow(entry, active); err != nil {
				return held, since, err
			}
		}
	}
	held.Active = slices.SortedFunc(maps.Values(active), func(a, b *Run) int { return strings.Compare(a.ID, b.ID) })
	if epoch > t.epoch {
		return held, since, ErrDisplaced
	}
	if held.doubtful() {
		since = earlier(held.Restored.Taken.Add(-keptInMind), since)
	}
	return held, since, nil
}

// next returns the next entry that a watch gives; nil says that all there was has been
// given.
func next(ctx context.Context, watch jetstream.KeyWatcher) (jetstream.KeyValueEntry, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case entry, open := <-watch.Updates():
		if !open {
			return nil, errors.New("the watch ended")
		}
		return entry, nil
	}
}

// What a tenant's state in the ledger is of: the last token of its key.
const (
	stateOutbox  = "outbox"
	stateForeign = "foreign"
	statePauses  = "pauses"
)

// takeState takes in a tenant's state; what a newer gateway keeps is left alone.
func (s *Snapshot) takeState(what string, value []byte) error {
	into := map[string]any{stateOutbox: &s.Outbox, stateForeign: &s.Foreign, statePauses: &s.Pauses}[what]
	if into == nil {
		return nil
	}
	return decodeList(value, into)
}

// Pauses returns the pauses in force of a tenant, as they are written.
func (l *Ledger) Pauses(ctx context.Context, tenant string) ([]Pause, error) {
	entry, err := l.kv.Get(ctx, "state."+tenant+"."+statePauses)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pauses of %s: %w", tenant, err)
	}
	var held Snapshot
	if err := held.takeState(statePauses, entry.Value()); err != nil {
		return nil, fmt.Errorf("decode pauses of %s: %w", tenant, err)
	}
	return held.Pauses, nil
}

// follow takes in an entry that a watch gives. In a cluster it reads a copy of the
// ledger, which may be behind at first: then it gives a run again as it was written
// later, or says that it is open no more.
func (s *Snapshot) follow(entry jetstream.KeyValueEntry, active map[string]*Run) error {
	gone, open := entry.Operation() != jetstream.KeyValuePut, strings.HasPrefix(entry.Key(), "active.")
	if gone && open {
		delete(active, runOf(entry.Key()))
	}
	if gone {
		return nil
	}
	err := s.take(entry.Key(), entry.Value())
	if open && err == nil {
		active[runOf(entry.Key())] = s.Active[0]
		s.Active = s.Active[:0]
	}
	return err
}

func (s *Snapshot) take(key string, value []byte) error {
	var err error
	switch kind, _, _ := strings.Cut(key, "."); kind {
	case "active":
		var run *Run
		if run, err = decodeRun(value); err == nil {
			s.Active = append(s.Active, run)
			s.Cursor = max(s.Cursor, run.Cursor)
		}
	case "cursor":
		var cursor uint64
		err = json.Unmarshal(value, &cursor)
		s.Cursor = max(s.Cursor, cursor)
	case restoredKey:
		err = decodeRecord(value, &s.Restored)
	case "app":
		var record AppRecord
		err = decodeRecord(value, &record)
		s.Apps = append(s.Apps, record)
	case "calls":
		err = decodeList(value, &s.Blocks)
	case "state":
		err = s.takeState(key[strings.LastIndexByte(key, '.')+1:], value)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnreadable, key, err)
	}
	return nil
}
