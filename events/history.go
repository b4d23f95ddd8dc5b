package events

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// History hands every event that the journal took from one time to before another
// to f, in the order of their times: those that rules matched, once for each
// tenant, and, with an empty Tenant, those that no rule matched. It ends with the
// first error of f. Events that were purged since are not there.
func (j *Journal) History(ctx context.Context, from, to time.Time, f func(Entry) error) error {
	next, stop := iter.Pull2(j.since(ctx, j.cfg.In, from, to))
	defer stop()
	nextUnmatched, stopUnmatched := iter.Pull2(j.since(ctx, j.cfg.Unmatched, from, to))
	defer stopUnmatched()
	matched, err, some := next()
	unmatched, errUnmatched, someUnmatched := nextUnmatched()
	for some || someUnmatched {
		take := matched
		switch {
		case some && err != nil:
			return err
		case someUnmatched && errUnmatched != nil:
			return errUnmatched
		case !some || someUnmatched && unmatched.Time.Before(matched.Time):
			take = unmatched
			unmatched, errUnmatched, someUnmatched = nextUnmatched()
		default:
			matched, err, some = next()
		}
		if err := f(take); err != nil {
			return err
		}
	}
	return nil
}

// since gives the events of one of the journal's streams.
func (j *Journal) since(ctx context.Context, stream string, from, to time.Time) iter.Seq2[Entry, error] {
	chosen := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from}
	return func(yield func(Entry, error) bool) {
		for msg, err := range scan(ctx, j.js, stream, chosen) {
			if err == nil && !msg.time.Before(to) {
				return
			}
			if !yield(j.decodeAny(msg), err) || err != nil {
				return
			}
		}
	}
}

// decodeAny reads a message of either stream of the journal.
func (j *Journal) decodeAny(msg stored) Entry {
	if source, unmatched := strings.CutPrefix(msg.subject, j.cfg.UnmatchedSubject+"."); unmatched {
		return decode(msg, emptyToken+"."+source)
	}
	return j.decode(msg)
}

// After gives the tenant's events behind a sequence of the journal, up to its end.
func (j *Journal) After(ctx context.Context, tenant string, sequence uint64) iter.Seq2[Entry, error] {
	chosen := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{j.filter(tenant)}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: sequence + 1,
	}
	return func(yield func(Entry, error) bool) {
		for msg, err := range scan(ctx, j.js, j.cfg.In, chosen) {
			if !yield(j.decode(msg), err) || err != nil {
				return
			}
		}
	}
}

// Tenants returns the tenants that the journal holds events for.
func (j *Journal) Tenants(ctx context.Context) ([]string, error) {
	stream, err := j.js.Stream(ctx, j.cfg.In)
	if err != nil {
		return nil, classify("list tenants of journal", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(j.cfg.InSubject+".>"))
	if err != nil {
		return nil, classify("list tenants of journal", err)
	}
	known := map[string]bool{}
	var tenants []string
	for subject := range info.State.Subjects {
		token, _, _ := strings.Cut(strings.TrimPrefix(subject, j.cfg.InSubject+"."), ".")
		if tenant, err := Untoken(token); err == nil && !known[tenant] {
			known[tenant] = true
			tenants = append(tenants, tenant)
		}
	}
	return tenants, nil
}
