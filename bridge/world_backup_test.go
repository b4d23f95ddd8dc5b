package bridge

import (
	"maps"
	"slices"
	"time"
)

// A backup is the ledger and the journal as they were.
type backup struct {
	taken   time.Time
	at      time.Time // the same on the true clock
	active  map[string]*Run
	order   []string
	ended   []*Run
	endedAt []time.Time
	recent  map[string]*Run
	cursor  uint64
	last    int // of the journal
	byHand  map[string]bool
	apps    map[string]AppRecord
	blocks  []Block
	foreign []Foreign
	pauses  []Pause
}

// keep takes a backup or, once in a history, puts one back.
func (w *world) keep() {
	switch {
	case w.backup == nil:
		w.takeBackup()
	case w.restored.At.IsZero() && w.chance(2):
		w.restoreBackup()
	}
}

func (w *world) takeBackup() {
	b := &backup{
		taken: w.live.now(), at: w.now, active: map[string]*Run{}, order: slices.Clone(w.order), ended: slices.Clone(w.ended),
		endedAt: slices.Clone(w.endedAt), recent: maps.Clone(w.recent), cursor: w.cursor, byHand: maps.Clone(w.byHand),
		apps: maps.Clone(w.apps), blocks: slices.Clone(w.blocks), foreign: slices.Clone(w.foreign), pauses: slices.Clone(w.pauses),
	}
	for id, run := range w.active {
		b.active[id] = w.fromJSON(run)
	}
	b.last = len(w.journal)
	w.backup = b
	if w.talks {
		w.say("a backup holds %d open runs and %d events", len(b.active), b.last)
	}
}

// restoreBackup ends every process and lets one begin on the backup. Events that came
// after it are gone, and so are their runs.
func (w *world) restoreBackup() {
	b := w.backup
	for _, p := range append(slices.Clone(w.old), w.live) {
		p.die()
	}
	w.pass(w.limits.Grace + w.limits.Bound + w.seconds(600)) // nobody is still calling
	w.active, w.order, w.ended, w.endedAt = b.active, b.order, b.ended, b.endedAt
	w.recent, w.cursor, w.byHand, w.outbox = b.recent, b.cursor, b.byHand, nil
	w.apps, w.blocks, w.foreign, w.pauses = b.apps, b.blocks, b.foreign, b.pauses
	w.journal = w.journal[:b.last]
	maps.DeleteFunc(w.holds, func(id string, _ bool) bool { return w.told[id] == "" }) // what was not told by then is forgotten
	w.restored = Restoration{Taken: b.taken, At: w.now, Last: uint64(b.last), Clocks: map[string]time.Time{"acme": b.at.Truncate(time.Second)}}
	for _, run := range w.active {
		if w.broken != forgetsBackup {
			run.doubt(b.taken)
		}
	}
	if w.broken == forgetsBackup {
		w.restored.Last = 0
	}
	w.tenant.forgetCalls()
	if w.talks {
		w.say("the backup is put back")
	}
	w.crashes++
	w.boot()
}

// forgotten says whether a reload was begun between the backup and its return.
func (w *world) forgotten(r *tenantReload) bool {
	return !w.restored.At.IsZero() && !r.CreationTime.Before(w.backup.at) && r.CreationTime.Before(w.restored.At)
}

// claimed says whether a reload whose owner was forgotten was taken for that of
// another step of the same app. Then its owner's is still to be made.
func (w *world) claimed(r *tenantReload) bool {
	if !w.forgotten(r) {
		return false
	}
	for _, runs := range []map[string]*Run{w.active, w.recent} {
		for id, run := range runs {
			for i := range run.Steps {
				if r.owner != owner(Command{Run: id, Index: i}) && run.Steps[i].had(r.ID) {
					return true
				}
			}
		}
	}
	return false
}

// madeOutAnew says whether a forgotten reload was of another app than the one its step
// names now: the backup did not hold the step's arguments, and events that it held
// unread have joined the run since. Then the older events' app needs nothing more, and
// the newer's has had nothing from this step.
func (w *world) madeOutAnew(r *tenantReload, app string) bool {
	return w.forgotten(r) && r.AppID != app
}
