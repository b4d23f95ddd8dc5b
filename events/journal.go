package events

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// largestBatch is how many messages the broker takes in one atomic batch.
const largestBatch = 1000

// JournalConfig names the streams of the journal; see broker.Names.
type JournalConfig struct {
	In, Unmatched               string // streams
	InSubject, UnmatchedSubject string // their subjects, without what follows
	Replicas                    int    // of each; more than 1 group what they sync by themselves
	Unsynced                    bool   // messages are acknowledged before they are synced, so nothing is gained by grouping them
}

// A Journal keeps accepted events in the order in which they came, until every
// tenant whose rules they matched has taken them up.
type Journal struct {
	js            jetstream.JetStream
	cfg           JournalConfig
	in, unmatched *committer
}

// NewJournal returns the journal on existing streams.
func NewJournal(js jetstream.JetStream, cfg JournalConfig) *Journal {
	batches := cfg.Replicas <= 1 && !cfg.Unsynced
	return &Journal{js: js, cfg: cfg, in: newCommitter(js, batches), unmatched: newCommitter(js, batches)}
}

// A Target is a tenant with those of its rules that an event matched.
type Target struct {
	Tenant string
	Rules  []string
}

// A Receipt says what became of an Arrival.
type Receipt struct {
	Duplicate bool     // it was stored before, for every target; nothing was added
	Sequences []uint64 // on the journal, one for each target; without targets, one among the unmatched
}

// Append stores an event for every target at once, or without targets among the
// events that no rule matched, and returns when it is safe. revision numbers the
// configuration that chose the targets. Its errors wrap ErrFull, ErrUnavailable
// or ErrTooLarge.
func (j *Journal) Append(ctx context.Context, a Arrival, targets []Target, revision uint64) (Receipt, error) {
	a = a.identified()
	if len(targets) == 0 {
		targets = []Target{{}}
	}
	msgs := make([]*nats.Msg, len(targets))
	for i, target := range targets {
		var err error
		if msgs[i], err = j.message(a, target, revision); err != nil {
			return Receipt{}, err
		}
	}
	receipt, err := j.store(ctx, msgs)
	return receipt, classify("append event", err)
}

// store publishes the messages of one event as one atomic batch where it can. A
// batch is refused as a whole when one of its ids is known, or when too many are
// under way; then each message is stored by itself, and what is known is dropped.
func (j *Journal) store(ctx context.Context, msgs []*nats.Msg) (Receipt, error) {
	if len(msgs) > 1 && len(msgs) <= largestBatch {
		ack, err := PublishBatch(ctx, j.js, msgs)
		if err == nil {
			return Receipt{Sequences: upTo(ack.Sequence, len(msgs))}, nil
		}
		if !isRefusal(err) {
			return Receipt{}, err
		}
	}
	receipt := Receipt{Duplicate: true}
	for _, msg := range msgs {
		unbatched(msg)
		stream := j.in
		if !strings.HasPrefix(msg.Subject, j.cfg.InSubject+".") {
			stream = j.unmatched
		}
		sequence, repeated, err := stream.store(ctx, msg)
		if err != nil {
			return Receipt{}, err
		}
		receipt.Duplicate = receipt.Duplicate && repeated
		receipt.Sequences = append(receipt.Sequences, sequence)
	}
	return receipt, nil
}

// upTo returns the sequences of an atomic batch, which are one after the other.
func upTo(last uint64, count int) []uint64 {
	sequences := make([]uint64, count)
	for i := range sequences {
		sequences[i] = last - uint64(count-1-i)
	}
	return sequences
}

// Last returns the sequence of the newest event stored for the tenant, 0 when
// there is none.
func (j *Journal) Last(ctx context.Context, tenant string) (uint64, error) {
	stream, err := j.js.Stream(ctx, j.cfg.In)
	if err != nil {
		return 0, classify("find end of journal", err)
	}
	msg, err := stream.GetLastMsgForSubject(ctx, j.filter(tenant))
	if hasCode(err, jetstream.JSErrCodeMessageNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, classify("find end of journal", err)
	}
	return msg.Sequence, nil
}

// Created returns when the journal was made. Together with a sequence it names
// one event for ever, even when the store is replaced.
func (j *Journal) Created(ctx context.Context) (time.Time, error) {
	created, _, err := j.Extent(ctx)
	return created, err
}

// Extent returns when the journal was made, and the sequence of the newest event that it
// ever had, of any tenant.
func (j *Journal) Extent(ctx context.Context) (created time.Time, last uint64, err error) {
	stream, err := j.js.Stream(ctx, j.cfg.In)
	if err != nil {
		return time.Time{}, 0, classify("find age of journal", err)
	}
	info := stream.CachedInfo()
	return info.Created, info.State.LastSeq, nil
}

// Entry returns the event at a sequence of the journal. It is
// jetstream.ErrMsgNotFound when it was purged.
func (j *Journal) Entry(ctx context.Context, sequence uint64) (Entry, error) {
	stream, err := j.js.Stream(ctx, j.cfg.In)
	if err != nil {
		return Entry{}, classify(fmt.Sprintf("read event %d of journal", sequence), err)
	}
	raw, err := stream.GetMsg(ctx, sequence)
	if err != nil {
		return Entry{}, fmt.Errorf("read event %d of journal: %w", sequence, err)
	}
	return j.decode(stored{subject: raw.Subject, sequence: raw.Sequence, time: raw.Time, header: raw.Header, body: raw.Data}), nil
}

// filter is the subject of everything stored for a tenant.
func (j *Journal) filter(tenant string) string { return j.cfg.InSubject + "." + Token(tenant) + ".>" }
