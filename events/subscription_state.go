package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoSubscription means that no subscription of that name has begun.
var ErrNoSubscription = errors.New("no such subscription")

// errTaken means that somebody else wrote the state meanwhile: an operator gave an
// order, or another replica works for the subscription.
var errTaken = errors.New("the subscription's state was changed by somebody else")

// A SubscriptionState is how far a subscription has come. It is kept in the ledger
// under `subscription.<name>`: everything below Next was delivered or is not
// wanted, but for what is Waiting.
type SubscriptionState struct {
	Schema  int      `json:"schema,omitempty"` // of the record, once it is written
	Next    uint64   `json:"next"`
	Waiting []uint64 `json:"waiting,omitempty"`

	Disabled      Reason    `json:"disabled,omitempty"` // why nothing is delivered; "" = it is
	DisabledSince time.Time `json:"disabled_since,omitzero"`

	FailingSince time.Time `json:"failing_since,omitzero"` // no success since then
	Failures     int       `json:"failures,omitempty"`     // since then
	Warnings     int       `json:"warnings,omitempty"`     // given since then
	Error        string    `json:"error,omitempty"`        // the newest failure, in words

	Address   string    `json:"address"`              // a digest of the URL that all this is about
	Validated bool      `json:"validated,omitempty"`  // it said that it wants events
	PerMinute int       `json:"per_minute,omitempty"` // and how many; 0 = any number
	Saved     time.Time `json:"saved"`
}

// enable makes deliveries begin again where they stopped.
func (s *SubscriptionState) enable() {
	s.Disabled, s.DisabledSince = "", time.Time{}
	s.succeeded()
}

// succeeded forgets earlier failures.
func (s *SubscriptionState) succeeded() {
	s.FailingSince, s.Failures, s.Warnings, s.Error = time.Time{}, 0, 0, ""
}

// Subscriptions are the states of all subscriptions.
type Subscriptions struct {
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	stream string
}

// OpenSubscriptions returns the states kept in a bucket, of subscriptions to a
// stream of outcomes.
func OpenSubscriptions(ctx context.Context, js jetstream.JetStream, bucket, stream string) (*Subscriptions, error) {
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, classify("open subscriptions", err)
	}
	return &Subscriptions{js: js, kv: kv, stream: stream}, nil
}

// stateSchema is the version written into what is kept of subscriptions and the chain.
const stateSchema = 1

// decodeState reads what is kept of a subscription or the chain: of this schema or an
// older one. What a newer gateway wrote is refused, and so not written over.
func decodeState(data []byte, into any) error {
	var form struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	if form.Schema > stateSchema {
		return fmt.Errorf("it has schema %d and this gateway reads up to %d: a newer gateway wrote it; run that one", form.Schema, stateSchema)
	}
	return json.Unmarshal(data, into)
}

func stateKey(name string) string { return "subscription." + name }

// State returns how far a subscription has come, or ErrNoSubscription.
func (s *Subscriptions) State(ctx context.Context, name string) (SubscriptionState, error) {
	state, _, err := s.load(ctx, name)
	return state, err
}

func (s *Subscriptions) load(ctx context.Context, name string) (SubscriptionState, uint64, error) {
	var state SubscriptionState
	entry, err := s.kv.Get(ctx, stateKey(name))
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrInvalidKey) {
		return state, 0, fmt.Errorf("%w: %s", ErrNoSubscription, name)
	}
	if err != nil {
		return state, 0, classify("read state of subscription "+name, err)
	}
	if err := decodeState(entry.Value(), &state); err != nil {
		return state, 0, fmt.Errorf("read state of subscription %s: %w", name, err)
	}
	return state, entry.Revision(), nil
}

// save writes a state over the one of that revision; 0 = there is none. It returns
// errTaken when that is no longer the newest one.
func (s *Subscriptions) save(ctx context.Context, name string, state SubscriptionState, revision uint64) (uint64, error) {
	state.Schema, state.Saved = stateSchema, time.Now()
	text, err := json.Marshal(state)
	if err != nil {
		return 0, fmt.Errorf("encode state of subscription %s: %w", name, err)
	}
	if revision == 0 {
		revision, err = s.kv.Create(ctx, stateKey(name), text)
	} else {
		revision, err = s.kv.Update(ctx, stateKey(name), text, revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return 0, fmt.Errorf("%w: %s", errTaken, name)
	}
	return revision, classify("save state of subscription "+name, err)
}

// Begin notes for those of the subscriptions that never began that they begin with
// the next outcome to come. It needs no lease: what another replica noted first holds.
func (s *Subscriptions) Begin(ctx context.Context, names ...string) error {
	stream, err := s.look(ctx)
	if err != nil {
		return err
	}
	next := stream.CachedInfo().State.LastSeq + 1
	for _, name := range names {
		if _, err := s.save(ctx, name, SubscriptionState{Next: next}, 0); err != nil && !errors.Is(err, errTaken) {
			return err
		}
	}
	return nil
}

// Enable lets a disabled subscription go on with the oldest outcome that it was not
// told. It returns ErrNoSubscription for one that never began.
func (s *Subscriptions) Enable(ctx context.Context, name string) error {
	return s.change(ctx, name, func(state *SubscriptionState) error {
		state.enable()
		return nil
	})
}

// Replay tells a subscription again what was published since a time, under the
// same ids, and enables it. What it was not told yet is told as well, however old.
func (s *Subscriptions) Replay(ctx context.Context, name string, since time.Time) error {
	return s.change(ctx, name, func(state *SubscriptionState) error {
		first, err := s.since(ctx, since)
		if err != nil {
			return err
		}
		state.enable()
		state.Next = min(state.Next, first)
		state.Waiting = slices.DeleteFunc(state.Waiting, func(sequence uint64) bool { return sequence >= state.Next })
		return nil
	})
}

// change edits a state against whoever else writes it.
func (s *Subscriptions) change(ctx context.Context, name string, edit func(*SubscriptionState) error) error {
	for {
		state, revision, err := s.load(ctx, name)
		if err != nil {
			return err
		}
		if err := edit(&state); err != nil {
			return err
		}
		if _, err = s.save(ctx, name, state, revision); !errors.Is(err, errTaken) {
			return err
		}
	}
}

// since returns the sequence of the first outcome that is not older than a time, or
// the next one to come.
func (s *Subscriptions) since(ctx context.Context, from time.Time) (uint64, error) {
	for msg, err := range scan(ctx, s.js, s.stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &from, HeadersOnly: true,
	}) {
		return msg.sequence, err
	}
	stream, err := s.look(ctx)
	if err != nil {
		return 0, err
	}
	return stream.CachedInfo().State.LastSeq + 1, nil
}

// look returns the stream of outcomes as it is now.
func (s *Subscriptions) look(ctx context.Context) (jetstream.Stream, error) {
	stream, err := s.js.Stream(ctx, s.stream)
	return stream, classify("look up "+s.stream, err)
}

// Names returns the names of the subscriptions that have begun at some time, in the
// order of the alphabet.
func (s *Subscriptions) Names(ctx context.Context) ([]string, error) {
	lister, err := s.kv.ListKeysFiltered(ctx, stateKey("*"))
	if err != nil {
		return nil, classify("list subscriptions", err)
	}
	defer lister.Stop() //nolint:errcheck // every key was taken
	var names []string
	for key := range lister.Keys() {
		names = append(names, strings.TrimPrefix(key, stateKey("")))
	}
	slices.Sort(names)
	return names, nil
}

// Behind returns how many outcomes a subscription with this state has still to look
// at or to be told of.
func (s *Subscriptions) Behind(ctx context.Context, state SubscriptionState) (uint64, error) {
	stream, err := s.look(ctx)
	if err != nil {
		return 0, err
	}
	known := stream.CachedInfo().State
	behind := uint64(len(state.Waiting))
	if next := max(state.Next, known.FirstSeq); next <= known.LastSeq {
		behind += known.LastSeq - next + 1
	}
	return behind, nil
}
