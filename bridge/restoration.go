package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// restoredKey is where the ledger says that it came from a backup.
const restoredKey = "restored"

// mostForgotten is how many attempts of a step are looked for that were made after
// the backup its run came from.
const mostForgotten = 16

// keptInMind is how long before the backup runs have ended whose reloads are still
// known as theirs.
const keptInMind = 5 * time.Minute

// A Restoration says that the store came from a backup. What was called between the
// backup and the restoration is not on record, so that everything open then, and
// every event that the backup holds, counts as perhaps called.
type Restoration struct {
	Schema int `json:"schema,omitempty"` // of the record, once it is written

	Taken time.Time `json:"taken"` // the ledger is as it was then
	At    time.Time `json:"at"`    // when it was put back
	Last  uint64    `json:"last"`  // where the journal ended when it was taken

	// Clocks say when it was taken on Qlik's clock, for each tenant that was heard from.
	Clocks map[string]time.Time `json:"clocks,omitempty"`
}

// joins says whether an event may join a run that gathers. What was called for a
// restored run since the backup cannot have been for an event that came later.
func (r Restoration) joins(sequence uint64, run *Run) bool {
	return run.Restored.IsZero() || r.covers(sequence)
}

// covers says whether an event of the journal was there before the restoration.
func (r Restoration) covers(sequence uint64) bool { return !r.At.IsZero() && sequence <= r.Last }

// Journal returns the time that ids of runs are made with for an event: later events
// have the sequences of those that were lost, and must not have their runs' ids.
func (r Restoration) Journal(created time.Time, sequence uint64) time.Time {
	if r.At.IsZero() || r.covers(sequence) {
		return created
	}
	return r.At
}

// doubtful says whether something of a backup is still to be found out about.
func (s *Snapshot) doubtful() bool {
	return !s.Restored.At.IsZero() && (s.Cursor < s.Restored.Last ||
		slices.ContainsFunc(s.Active, func(run *Run) bool { return !run.Restored.IsZero() }))
}

// mark tells the epochs after a restoration from those that were lost.
func (r Restoration) mark() string {
	if r.At.IsZero() {
		return ""
	}
	return "." + strconv.FormatInt(r.At.Unix(), 36)
}

// Still has do done while this process writes nothing to the ledger. Writes wait.
func (l *Ledger) Still(do func() error) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return do()
}

// Restoration returns what the ledger says about the backup it came from.
func (l *Ledger) Restoration(ctx context.Context) (Restoration, error) {
	var r Restoration
	entry, err := l.kv.Get(ctx, restoredKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read %s: %w", restoredKey, err)
	}
	if err := decodeRecord(entry.Value(), &r); err != nil {
		return r, fmt.Errorf("decode %s: %w", restoredKey, err)
	}
	return r, nil
}

// Doubt marks every open run as one whose steps may have been called since a backup
// was taken, and returns how many there are. No dispatcher may work meanwhile. It may
// be done again.
func (l *Ledger) Doubt(ctx context.Context, r Restoration) (int, error) {
	keys, err := l.keys(ctx, "active.>")
	if err != nil {
		return 0, err
	}
	open := 0
	for _, key := range keys {
		run, err := l.read(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		run.doubt(r.Taken)
		data, err := json.Marshal(run)
		if err == nil {
			_, err = l.kv.Put(ctx, key, data)
		}
		if err != nil {
			return 0, fmt.Errorf("mark run %s: %w", run.ID, err)
		}
		if !run.State.Ended() {
			open++
		}
	}
	r.Schema = recordSchema
	data, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", restoredKey, err)
	}
	if _, err := l.kv.Put(ctx, restoredKey, data); err != nil {
		return 0, fmt.Errorf("write %s: %w", restoredKey, err)
	}
	return open, nil
}

// doubt says of a run that its steps may have been called since a time.
func (r *Run) doubt(since time.Time) {
	r.Restored = since
	for i := range r.Steps {
		r.Steps[i].Sought = false
	}
}

// inDoubt says whether the run's step may have been called without our knowing, so
// that Qlik is asked first. One that converges, or changes nothing, is just called again.
func (t *task) inDoubt() bool {
	i := t.run().current()
	step := &t.run().Steps[i]
	if t.run().Restored.IsZero() || step.Sought {
		return false
	}
	switch t.run().Plan.Steps[i].Action {
	case rules.Reload, rules.Copy, rules.Move, rules.Delete:
		return true
	case rules.Publish:
		return step.Mode == PublishNew
	}
	return false
}

// doubt takes a step of a restored run as one whose call was lost since the backup,
// so that it is looked for.
func (s *Scheduler) doubt(t *task, now time.Time) {
	i := t.run().current()
	s.begin(t, i, now)
	step := &t.run().Steps[i]
	step.Sought = true
	*step.attempt() = Attempt{CalledAt: t.run().Restored, QlikTime: s.restored.Clocks[s.names.Tenant]}
	grace := s.limits.takenOver(t.run().Plan.Steps[i].Action)
	ends := s.restored.At.Add(grace) // who worked before had ended by then
	if latest := now.Add(grace); ends.After(latest) {
		ends = latest
	}
	s.lose(t, step, now, ends)
	s.consider(t, now)
}
