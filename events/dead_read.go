package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoDeadLetter is wrapped when there is no dead letter of that sequence, or no
// more: it was dropped, or has expired.
var ErrNoDeadLetter = errors.New("no such dead letter")

// A DeadLetter is an event that could not be taken to an end, with the reason.
type DeadLetter struct {
	Burial
	Sequence uint64    // its own, by which it is asked for
	Time     time.Time // when it was put there

	// Entry is the event as the journal had it. Its Sequence is the journal's, and
	// its Time is not known any more. Its Err is set when it cannot be decoded.
	Entry Entry
}

// List returns the newest dead letters that are older than one of a sequence, the
// newest first; before 0 begins with the newest of all.
func (d *DeadLetters) List(ctx context.Context, before uint64, limit int) ([]DeadLetter, error) {
	stream, err := d.js.Stream(ctx, d.stream)
	if err != nil {
		return nil, classify("list dead letters", err)
	}
	state := stream.CachedInfo().State
	if before == 0 || before > state.LastSeq {
		before = state.LastSeq + 1
	}
	// Sequences have gaps where letters were dropped: look back further until there
	// are enough.
	for back := uint64(limit); ; back *= 4 {
		from := state.FirstSeq
		if before > back {
			from = max(from, before-back)
		}
		letters, err := d.between(ctx, from, before)
		if err != nil {
			return nil, err
		}
		if len(letters) >= limit || from <= state.FirstSeq {
			letters = letters[max(0, len(letters)-limit):]
			slices.Reverse(letters)
			return letters, nil
		}
	}
}

// between returns the dead letters of a range of sequences, the oldest first.
func (d *DeadLetters) between(ctx context.Context, from, before uint64) ([]DeadLetter, error) {
	letters := []DeadLetter{}
	if from >= before {
		return letters, nil
	}
	chosen := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1)}
	for msg, err := range scan(ctx, d.js, d.stream, chosen) {
		if err != nil {
			return nil, err
		}
		if msg.sequence >= before {
			break
		}
		letters = append(letters, d.decode(msg))
	}
	return letters, nil
}

// Get returns the dead letter of a sequence, or an error that wraps ErrNoDeadLetter.
func (d *DeadLetters) Get(ctx context.Context, sequence uint64) (DeadLetter, error) {
	stream, err := d.js.Stream(ctx, d.stream)
	if err != nil {
		return DeadLetter{}, classify("read dead letter", err)
	}
	raw, err := stream.GetMsg(ctx, sequence)
	if sequence == 0 || errors.Is(err, jetstream.ErrMsgNotFound) {
		return DeadLetter{}, fmt.Errorf("dead letter %d: %w", sequence, ErrNoDeadLetter)
	}
	if err != nil {
		return DeadLetter{}, classify("read dead letter", err)
	}
	return d.decode(stored{subject: raw.Subject, sequence: raw.Sequence, time: raw.Time, header: raw.Header, body: raw.Data}), nil
}

// Drop removes the dead letter of a sequence for good and returns it as it was. Its
// error wraps ErrNoDeadLetter when it is not there.
func (d *DeadLetters) Drop(ctx context.Context, sequence uint64) (DeadLetter, error) {
	letter, err := d.Get(ctx, sequence)
	if err != nil {
		return letter, err
	}
	stream, err := d.js.Stream(ctx, d.stream)
	if err != nil {
		return letter, classify("drop dead letter", err)
	}
	return letter, classify("drop dead letter", stream.DeleteMsg(ctx, sequence))
}

// decode reads a message of the dead letters. It never fails: what cannot be read
// of the event is in Entry.Err.
func (d *DeadLetters) decode(msg stored) DeadLetter {
	letter := DeadLetter{
		Sequence: msg.sequence, Time: msg.time, Entry: decode(msg, strings.TrimPrefix(msg.subject, d.subject+".")),
		Burial: Burial{Rule: msg.header.Get(HeaderRule), Reason: Reason(msg.header.Get(HeaderReason)), Hop: msg.header.Get(HeaderHop)},
	}
	letter.Entry.Time = time.Time{}
	letter.Entry.Sequence, _ = strconv.ParseUint(msg.header.Get(HeaderSequence), 10, 64) // 0 where it was not written by Put
	letter.Attempts, _ = strconv.Atoi(msg.header.Get(HeaderAttempts))
	if hint, err := decodeHeader(msg.header.Get(HeaderHint)); err == nil {
		letter.Hint = hint
	}
	return letter
}
