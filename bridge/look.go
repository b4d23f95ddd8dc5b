package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unique"
)

// Loaded says whether all that the ledger held has been read.
func (x *Index) Loaded() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.loaded
}

// List returns the runs that a query chooses, the newest first.
func (x *Index) List(q RunQuery) []Summary {
	limit := cmp.Or(q.Limit, 100)
	list := make([]Summary, 0, min(limit, 100))
	chosen := q.chooses()
	x.mu.RLock()
	defer x.mu.RUnlock()
	from := len(x.runs)
	if q.Before != "" {
		from, _ = x.find(q.Before)
	}
	for i := from - 1; i >= 0 && len(list) < limit; i-- {
		if chosen(x.runs[i]) {
			shown := x.runs[i].summary()
			shown.Usual = x.usualOf(shown.Tenant, shown.App)
			list = append(list, shown)
		}
	}
	return list
}

// chooses returns whether the query chooses a run.
func (q RunQuery) chooses() func(*indexed) bool {
	is := func(want string) func(unique.Handle[string]) bool {
		handle := unique.Make(want)
		return func(has unique.Handle[string]) bool { return want == "" || has == handle }
	}
	state, tenant, reason, rule, app := is(string(q.State)), is(q.Tenant), is(string(q.Reason)), is(q.Rule), is(q.App)
	return func(x *indexed) bool {
		of := x.label.Value()
		return state(of.state) && tenant(of.tenant) && reason(of.reason) && rule(of.rule) && app(x.app)
	}
}

// Usual returns how long reloads of an app usually take: the median of the newest
// few, 0 when none is known.
func (x *Index) Usual(tenant, app string) time.Duration {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.usualOf(tenant, app)
}

func (x *Index) usualOf(tenant, app string) time.Duration {
	if known := x.usual[tenant+"/"+app]; known != nil {
		return known.median()
	}
	return 0
}

// Calls returns how many reload calls a tenant got in each of the 60 minutes up to
// now, the oldest first.
func (x *Index) Calls(tenant string, now time.Time) []int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if known := x.calls[tenant]; known != nil {
		return known.until(now)
	}
	return make([]int, 60)
}

// Counts returns how many runs of a tenant are in each state; "" = of all tenants.
func (x *Index) Counts(tenant string) map[RunState]int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	counts := map[RunState]int{}
	for key, n := range x.counts {
		if tenant == "" || key.tenant.Value() == tenant {
			counts[RunState(key.state.Value())] += n
		}
	}
	return counts
}

// A Flow is what came of the triggers of some time.
type Flow struct {
	Triggers int // events that became causes of runs
	Runs     int // opened for them
	Steps    int // commands of these runs that Qlik carried out
	States   map[RunState]int
}

// Flow counts the runs of a tenant that were opened since a time; "" = of all tenants.
func (x *Index) Flow(tenant string, since time.Time) Flow {
	flow := Flow{States: map[RunState]int{}}
	of, from := unique.Make(tenant), instantOf(since)
	x.mu.RLock()
	defer x.mu.RUnlock()
	// Ids sort by the first cause, so by the time of opening.
	for i := len(x.runs) - 1; i >= 0 && x.runs[i].opened >= from; i-- {
		s := x.runs[i]
		label := s.label.Value()
		if tenant != "" && label.tenant != of {
			continue
		}
		flow.Triggers += int(s.causes)
		flow.Runs++
		flow.Steps += int(s.done)
		flow.States[RunState(label.state.Value())]++
	}
	return flow
}

// Full returns the records of the runs that a query chooses, the newest first, read
// from the ledger.
func (x *Index) Full(ctx context.Context, q RunQuery) ([]*Run, error) {
	if !x.Loaded() {
		return x.ledger.Runs(ctx, q)
	}
	runs := []*Run{}
	for _, s := range x.List(q) {
		key := "active." + s.Tenant + "." + s.ID
		if s.kept {
			key = "ended." + s.Tenant + "." + s.ID
		}
		run, err := x.ledger.listed(ctx, key)
		if errors.Is(err, ErrNoRun) {
			continue
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// mostSpanning is how many of the newest runs are looked through for an event.
const mostSpanning = 5000

// Caused returns the id of the run of a rule that the event at a sequence of the
// journal became part of, or ErrNoRun when there is none among the newest, or not yet.
func (x *Index) Caused(ctx context.Context, tenant, rule string, sequence uint64) (string, error) {
	for _, id := range x.spanning(tenant, rule, sequence) {
		run, err := x.ledger.Run(ctx, id)
		if errors.Is(err, ErrNoRun) {
			continue
		}
		if err != nil {
			return "", err
		}
		if slices.Contains(run.Causes.Sequences(), sequence) {
			return id, nil
		}
	}
	return "", fmt.Errorf("run of event %d: %w", sequence, ErrNoRun)
}

// spanning returns the runs of a rule that began before an event and went on after it.
func (x *Index) spanning(tenant, rule string, sequence uint64) (ids []string) {
	chosen := RunQuery{Tenant: tenant, Rule: rule}.chooses()
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, s := range slices.Backward(x.runs[max(0, len(x.runs)-mostSpanning):]) {
		if chosen(s) && s.first <= sequence && sequence <= s.last {
			ids = append(ids, s.id)
		}
	}
	return ids
}
