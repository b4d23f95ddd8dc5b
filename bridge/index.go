package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unique"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// DefaultIndexed is how many runs an Index knows at most when nothing else is said.
const DefaultIndexed = 250_000

// An Index knows the little of every run that lists and charts show, in memory, and
// keeps up with the ledger. It is a view and may be behind by moments: whoever has
// to be right reads the Ledger. It is safe for concurrent use.
//
// The way of one change: ledger -> watch -> indexed -> runs, counts, calls, usual.
type Index struct {
	ledger  *Ledger
	limit   int
	changed func() // called after each change that is not part of the first load

	mu     sync.RWMutex
	loaded bool
	runs   []*indexed // by id, ascending
	counts map[tenantState]int
	calls  map[string]*minutes // reload calls, by tenant
	usual  map[string]*lasted  // reloads, by tenant and app
}

type tenantState struct{ tenant, state unique.Handle[string] }

// NewIndex returns an index of at most so many runs; the oldest ended ones are
// left out. It is empty until Run works. changed is called after every change and
// must not block.
func NewIndex(ledger *Ledger, limit int, changed func()) *Index {
	index := &Index{ledger: ledger, limit: limit, changed: changed}
	index.clear()
	return index
}

func (x *Index) clear() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.loaded, x.runs = false, nil
	x.counts, x.calls, x.usual = map[tenantState]int{}, map[string]*minutes{}, map[string]*lasted{}
}

// Run keeps the index up to date until ctx ends, when it returns nil. A watch that
// breaks is begun anew.
func (x *Index) Run(ctx context.Context) error {
	for wait := pauseShort; ; wait = min(2*wait, pauseLong) {
		if err := x.follow(ctx); ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the wanted end
		} else if err == nil {
			wait = pauseShort
		}
		if pause(ctx, wait) != nil {
			return nil
		}
		x.clear()
	}
}

func (x *Index) follow(ctx context.Context) error {
	watch, err := x.ledger.kv.WatchFiltered(ctx, []string{"active.>", "ended.>"})
	if err != nil {
		return fmt.Errorf("watch runs: %w", err)
	}
	defer func() { _ = watch.Stop() }()
	for {
		entry, err := next(ctx, watch)
		if err != nil {
			return fmt.Errorf("watch runs: %w", err)
		}
		x.take(entry)
	}
}

// take takes in one change; nil says that all there was has been read.
func (x *Index) take(entry jetstream.KeyValueEntry) {
	if entry == nil {
		x.mu.Lock()
		x.loaded = true
		x.mu.Unlock()
		x.changed()
		return
	}
	ended := strings.HasPrefix(entry.Key(), "ended.")
	var run Run
	gone := entry.Operation() != jetstream.KeyValuePut
	if !gone && json.Unmarshal(entry.Value(), &run) != nil {
		return // whoever opens it is told; a list goes on without it
	}
	if run.Plan == nil {
		run.Plan = &rules.Plan{}
	}
	x.mu.Lock()
	if gone {
		x.drop(runOf(entry.Key()), ended)
	} else {
		x.put(&run, ended)
	}
	loaded := x.loaded
	x.mu.Unlock()
	if loaded {
		x.changed()
	}
}

// find returns where a run is or would be.
func (x *Index) find(id string) (int, bool) {
	return slices.BinarySearchFunc(x.runs, id, func(s *indexed, id string) int { return strings.Compare(s.id, id) })
}

func (x *Index) put(run *Run, ended bool) {
	at, known := x.find(run.ID)
	var before *indexed
	if known {
		before = x.runs[at]
		x.count(before, -1)
	}
	now := index(run, ended)
	x.chart(before, now, run)
	if known {
		x.runs[at] = now
	} else {
		x.runs = slices.Insert(x.runs, at, now)
	}
	x.count(now, 1)
	for len(x.runs) > x.limit && x.forgetOldest() {
	}
}

// drop forgets a run whose key is gone. A run that ended has left its active key
// and is known by the other.
func (x *Index) drop(id string, ended bool) {
	if at, known := x.find(id); known && x.runs[at].kept == ended {
		x.remove(at)
	}
}

// forgetOldest makes room; a run that has not ended is never forgotten.
func (x *Index) forgetOldest() bool {
	at := slices.IndexFunc(x.runs, func(s *indexed) bool { return s.kept })
	if at < 0 {
		return false
	}
	x.remove(at)
	return true
}

func (x *Index) remove(at int) {
	x.count(x.runs[at], -1)
	x.runs = slices.Delete(x.runs, at, at+1)
}

func (x *Index) count(s *indexed, by int) {
	of := s.label.Value()
	x.counts[tenantState{of.tenant, of.state}] += by
}

// chart takes in the calls and the duration that a change of a run brought.
func (x *Index) chart(before, now *indexed, run *Run) {
	var seen instant
	var done int
	if before != nil {
		seen, done = before.called, int(before.done)
	}
	now.called = seen
	for i := range run.Steps {
		step := &run.Steps[i]
		if !reloads(run, i) {
			continue
		}
		for _, attempt := range step.Attempts {
			if attempt.Sent && !attempt.AnsweredAt.IsZero() && instantOf(attempt.CalledAt) > seen {
				x.minutesOf(run.Tenant).add(attempt.CalledAt)
				now.called = instantOf(attempt.CalledAt)
			}
		}
		if i >= done && step.State == StepSucceeded && len(step.Attempts) > 0 {
			x.lastedOf(run.Tenant, run.Plan.Steps[i].Args.App).add(step.Ended.Sub(step.attempt().CalledAt))
		}
	}
}

func (x *Index) minutesOf(tenant string) *minutes {
	if x.calls[tenant] == nil {
		x.calls[tenant] = &minutes{}
	}
	return x.calls[tenant]
}

func (x *Index) lastedOf(tenant, app string) *lasted {
	key := tenant + "/" + app
	if x.usual[key] == nil {
		x.usual[key] = &lasted{}
	}
	return x.usual[key]
}
