package events

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sweepAt is how full the journal may be, in percent of its size, before events
// that are done with are removed early.
const sweepAt = 80

// Sweep removes a tenant's events that are done with: those below a sequence that
// are older than keep, or, when the journal is nearly full, all of those below it.
// The ids of events that are removed early are no longer known as duplicates once
// the broker has restarted. Events from below on are never touched.
func (j *Journal) Sweep(ctx context.Context, tenant string, below uint64, keep time.Duration) error {
	stream, err := j.js.Stream(ctx, j.cfg.In)
	if err != nil {
		return classify("sweep journal", err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return classify("sweep journal", err)
	}
	full := info.Config.MaxBytes > 0 && info.State.Bytes > uint64(info.Config.MaxBytes)/100*sweepAt
	if !full {
		first, err := j.younger(ctx, stream, tenant, time.Now().Add(-keep))
		if err != nil {
			return err
		}
		below = min(below, first)
	}
	if below <= info.State.FirstSeq {
		return nil
	}
	err = stream.Purge(ctx, jetstream.WithPurgeSubject(j.filter(tenant)), jetstream.WithPurgeSequence(below))
	return classify(fmt.Sprintf("sweep journal below %d", below), err)
}

// younger returns the sequence of the tenant's first event that is not older than a
// time, or one past the end of the journal when all are.
func (j *Journal) younger(ctx context.Context, stream jetstream.Stream, tenant string, from time.Time) (uint64, error) {
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{j.filter(tenant)}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from, HeadersOnly: true,
		InactiveThreshold: readerForgotten,
	})
	if err != nil {
		return 0, classify("find young events", err)
	}
	defer forget(j.js, consumer)
	info, err := consumer.Info(ctx)
	if err != nil {
		return 0, classify("find young events", err)
	}
	if info.NumPending == 0 {
		return stream.CachedInfo().State.LastSeq + 1, nil
	}
	msg, err := consumer.Next(jetstream.FetchContext(ctx))
	if err != nil {
		return 0, classify("find young events", err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return 0, classify("find young events", err)
	}
	return meta.Sequence.Stream, nil
}
