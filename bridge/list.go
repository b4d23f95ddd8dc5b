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

// recent reads the tenant's runs that ended after a time, which is before the tenure
// began: their calls still count in the quota windows. In a cluster it reads a copy of
// the ledger, which may be behind: it goes on until it has come to the tenure's epoch.
func (t *Tenure) recent(ctx context.Context, heard func(), since time.Time) ([]*Run, error) {
	epoch := t.ledger.subject("epoch." + t.tenant)
	consumer, err := t.ledger.js.OrderedConsumer(ctx, t.ledger.stream(), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{t.ledger.subject("ended." + t.tenant + ".>"), epoch},
		DeliverPolicy:  jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	})
	if err != nil {
		return nil, fmt.Errorf("read ended runs of %s: %w", t.tenant, err)
	}
	var runs []*Run
	for {
		// Nothing is waited for: what was pending may vanish, as markers do.
		batch, err := consumer.FetchNoWait(fetchAhead)
		if err != nil {
			return nil, fmt.Errorf("read ended runs of %s: %w", t.tenant, err)
		}
		last := false
		for msg := range batch.Messages() {
			heard()
			if msg.Subject() == epoch {
				meta, err := msg.Metadata()
				last = err == nil && meta.Sequence.Stream >= t.epoch
				continue
			}
			if len(msg.Data()) == 0 {
				continue // the marker of one that was removed
			}
			run, err := decodeRun(msg.Data())
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrUnreadable, msg.Subject(), err)
			}
			runs = append(runs, run)
		}
		if err := errors.Join(batch.Error(), ctx.Err()); err != nil || last {
			return runs, err
		}
		if err := pause(ctx, copyLook); err != nil {
			return nil, fmt.Errorf("read ended runs of %s: %w", t.tenant, err)
		}
	}
}

// fetchAhead is how many records are asked for at once.
const fetchAhead = 500

// copyLook is how long to wait for a copy of the ledger that is behind.
const copyLook = 5 * time.Millisecond

// A RunQuery chooses runs of the ledger. Its zero value means the newest hundred.
type RunQuery struct {
	Tenant string
	Rule   string
	State  RunState
	Reason events.Reason // why it ended badly, or is held; an Index knows it, a Ledger does not look at it
	App    string        // of the current step; an Index knows it, a Ledger does not look at it
	Before string        // only runs with a smaller id, to page on
	Limit  int           // 1 to 1000; default 100
}

// Runs returns the runs a query chooses, the newest first.
func (l *Ledger) Runs(ctx context.Context, q RunQuery) ([]*Run, error) {
	keys, err := l.runKeys(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	limit := cmp.Or(q.Limit, 100)
	runs := []*Run{}
	for _, key := range keys {
		if len(runs) == limit {
			break
		}
		run, err := l.listed(ctx, key)
		if errors.Is(err, ErrNoRun) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if q.State == "" || run.State == q.State {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// listed reads the run of a key that was listed; it may have ended since.
func (l *Ledger) listed(ctx context.Context, key string) (*Run, error) {
	run, err := l.read(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return l.Run(ctx, runOf(key))
	}
	return run, err
}

// runKeys lists the keys of the runs that a query may choose, the newest first.
func (l *Ledger) runKeys(ctx context.Context, q RunQuery) ([]string, error) {
	tenant := cmp.Or(q.Tenant, "*")
	listed, err := l.keys(ctx, "active."+tenant+".>", "ended."+tenant+".>")
	if err != nil {
		return nil, err
	}
	byRun := map[string]string{} // of a run that has just ended, the last key is the one
	for _, key := range listed {
		id := runOf(key)
		if q.Before != "" && id >= q.Before {
			continue
		}
		if q.Rule != "" && !strings.Contains(id, "-"+q.Rule+"-") {
			continue
		}
		byRun[id] = key
	}
	keys := make([]string, 0, len(byRun))
	for _, key := range byRun {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(runOf(b), runOf(a)) })
	return keys, nil
}

// keys lists the keys that fit the filters, in their order, with those that were
// removed a moment ago. The client's own listing waits for every key that there was
// when it began, for ever when one is removed meanwhile.
func (l *Ledger) keys(ctx context.Context, filters ...string) ([]string, error) {
	stream, err := l.js.Stream(ctx, l.stream())
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var keys []string
	for _, filter := range filters {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(l.subject(filter)))
		if err != nil {
			return nil, fmt.Errorf("list keys %s: %w", filter, err)
		}
		for subject := range info.State.Subjects {
			keys = append(keys, strings.TrimPrefix(subject, l.subject("")))
		}
	}
	return keys, nil
}

// runOf returns the run id at the end of a key.
func runOf(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// Run returns one run by its id, or ErrNoRun.
func (l *Ledger) Run(ctx context.Context, id string) (*Run, error) {
	if id == "" || strings.ContainsAny(id, ".*> \t\r\n") {
		return nil, fmt.Errorf("run %q: %w", id, ErrNoRun)
	}
	run, err := l.find(ctx, id)
	if errors.Is(err, ErrNoRun) {
		run, err = l.find(ctx, id) // it may have moved to the ended runs while we looked
	}
	return run, err
}

func (l *Ledger) find(ctx context.Context, id string) (*Run, error) {
	keys, err := l.keys(ctx, "active.*."+id, "ended.*."+id)
	if err != nil {
		return nil, fmt.Errorf("find run %s: %w", id, err)
	}
	for _, key := range keys {
		run, err := l.read(ctx, key)
		if err == nil || !errors.Is(err, jetstream.ErrKeyNotFound) {
			return run, err
		}
	}
	return nil, fmt.Errorf("run %s: %w", id, ErrNoRun)
}

func (l *Ledger) read(ctx context.Context, key string) (*Run, error) {
	entry, err := l.kv.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	run, err := decodeRun(entry.Value())
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnreadable, key, err)
	}
	return run, nil
}

// pause waits, or returns the context's error if that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
