package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
)

// A Leftover is what a tenant that is not configured any more has left to do.
type Leftover struct {
	Tenant string
	Runs   int // open
	Events int // accepted, and not yet taken up
}

// Leftovers returns the tenants, but for the configured ones, that have work left.
func Leftovers(ctx context.Context, ledger *Ledger, journal *events.Journal, configured []string) ([]Leftover, error) {
	tenants, err := ledger.tenants(ctx)
	if err != nil {
		return nil, err
	}
	senders, err := journal.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	tenants = append(tenants, senders...)
	slices.Sort(tenants)
	var left []Leftover
	for _, tenant := range slices.Compact(tenants) {
		if slices.Contains(configured, tenant) {
			continue
		}
		held, err := ledger.glance(ctx, tenant)
		if err != nil {
			return nil, err
		}
		one := Leftover{Tenant: tenant, Runs: len(held.Active)}
		for _, err := range journal.After(ctx, tenant, held.Cursor) {
			if err != nil {
				return nil, err
			}
			one.Events++
		}
		if one.Runs+one.Events > 0 {
			left = append(left, one)
		}
	}
	return left, nil
}

// tenants lists the tenants that have active runs.
func (l *Ledger) tenants(ctx context.Context) ([]string, error) {
	keys, err := l.keys(ctx, "active.>")
	if err != nil {
		return nil, err
	}
	var tenants []string
	for _, key := range keys {
		tenant := strings.Split(key, ".")[1]
		if !slices.Contains(tenants, tenant) {
			tenants = append(tenants, tenant)
		}
	}
	return tenants, nil
}

// glance reads a tenant's active runs and cursor without a tenure over it.
func (l *Ledger) glance(ctx context.Context, tenant string) (Snapshot, error) {
	var held Snapshot
	keys, err := l.keys(ctx, "active."+tenant+".>", "cursor."+tenant)
	if err != nil {
		return held, err
	}
	for _, key := range keys {
		entry, err := l.kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return held, fmt.Errorf("read %s: %w", key, err)
		}
		if err := held.take(key, entry.Value()); err != nil {
			return held, err
		}
	}
	return held, nil
}

// A Removal ends what a tenant that is not configured any more has left to do. All
// of its fields are required.
type Removal struct {
	Tenant    string
	Journal   *events.Journal
	Publisher *events.Publisher
	Dead      *events.DeadLetters
	Ledger    *Ledger
	Leases    *Leases
}

// A Removed says what a Removal did.
type Removed struct {
	Tenant string   `json:"tenant"`
	Runs   []string `json:"canceled_runs"` // ids of the runs that it ended
	Events int      `json:"dead_letters"`  // events that it put among the dead letters
}

// leaseWait is how long a Removal waits for somebody else's lease to end.
const leaseWait = 30 * time.Second

// mostTold is how many runs' outcomes are published at once.
const mostTold = 100

// Run takes the tenant over, cancels its open runs without asking Qlik anything,
// tells their outcomes, and puts the events that were not yet taken up among the
// dead letters. It may be run again after an error: what it did it does not do
// twice. A dispatcher that still works for the tenant makes it fail.
func (r Removal) Run(ctx context.Context) (Removed, error) {
	removed := Removed{Tenant: r.Tenant, Runs: []string{}}
	name := "dispatcher." + r.Tenant
	waiting, cancel := context.WithTimeout(ctx, leaseWait)
	defer cancel()
	lease, err := r.Leases.Acquire(waiting, name)
	if err != nil {
		holder, _ := r.Leases.Holder(ctx, name) // only makes the message better
		return removed, fmt.Errorf("somebody still works for tenant %s (%s): stop that gateway, or take the tenant out of its configuration: %w", r.Tenant, cmp.Or(holder, "unknown"), err)
	}
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }() // else it ends by itself
	tenure, err := r.Ledger.TakeOver(ctx, r.Tenant, "tenants drop")
	if err != nil {
		return removed, err
	}
	held, err := tenure.Load(ctx, time.Now())
	if err != nil {
		return removed, err
	}
	if removed.Runs, err = r.cancel(ctx, tenure, held); err != nil {
		return removed, err
	}
	removed.Events, err = r.bury(ctx, tenure, held.Cursor)
	return removed, err
}

// cancel ends the open runs and tells every outcome that is left to tell.
func (r Removal) cancel(ctx context.Context, tenure *Tenure, held Snapshot) ([]string, error) {
	now := time.Now()
	created, err := r.Journal.Created(ctx)
	if err != nil {
		return nil, err
	}
	names := Names{Tenant: r.Tenant, Journal: created, Epoch: tenure.epoch}
	still := Senses{Jitter: func() float64 { return 0 }, Clock: func(t time.Time) time.Time { return t }}
	s := NewScheduler(names, DefaultLimits(), still, now, held)
	canceled := s.abandon(now)
	runs := s.Touched()
	if err := tenure.Save(ctx, Change{Active: runs}); err != nil {
		return nil, err
	}
	if outbox, _ := s.TenantOutbox(); len(outbox) > 0 {
		if err := r.Publisher.Publish(ctx, outbox...); err != nil {
			return nil, err
		}
		if err := tenure.Save(ctx, Change{Tell: true}); err != nil {
			return nil, err
		}
	}
	for some := range slices.Chunk(runs, mostTold) {
		var outcomes []events.Outcome
		for _, run := range some {
			outcomes = append(outcomes, run.Outbox...)
		}
		if err := r.Publisher.Publish(ctx, outcomes...); err != nil {
			return nil, err
		}
		for _, run := range some {
			if err := run.callBack(ctx, r.Publisher); err != nil {
				return nil, err
			}
			run.Outbox = nil
		}
		if err := tenure.Save(ctx, Change{Ended: some, Cursor: held.Cursor}); err != nil {
			return nil, err
		}
	}
	return canceled, nil
}

// abandon ends every open run as canceled, whatever is under way for it at Qlik,
// and returns their ids.
func (s *Scheduler) abandon(now time.Time) []string {
	ids := []string{}
	for id, t := range s.tasks {
		if t.run().State.Ended() {
			continue
		}
		for !t.run().State.Ended() { // not even its steps for the end are carried out
			if t.run().Stopping == "" {
				t.run().Stopping = RunCanceled
			}
			s.expire(t, now)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// bury puts the events behind the cursor among the dead letters, and moves it over
// them.
func (r Removal) bury(ctx context.Context, tenure *Tenure, cursor uint64) (int, error) {
	why := events.Burial{
		Reason: events.ReasonTenantDropped, Hop: "tenants drop",
		Hint: "its tenant was dropped before the event was taken up: configure the tenant again and replay it, or drop it",
	}
	buried := 0
	for entry, err := range r.Journal.After(ctx, r.Tenant, cursor) {
		if err == nil {
			err = r.Dead.Put(ctx, entry, why)
		}
		if err != nil {
			return buried, err
		}
		buried, cursor = buried+1, entry.Sequence
	}
	if buried == 0 {
		return 0, nil
	}
	return buried, tenure.Save(ctx, Change{Cursor: cursor})
}
