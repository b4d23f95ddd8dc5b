package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// DedupeWindow is how long a stream remembers message ids: a second delivery
	// of one event within it is stored once.
	DedupeWindow = 24 * time.Hour

	unmatchedAge = 7 * 24 * time.Hour
	outAge       = 7 * 24 * time.Hour
	deadAge      = 30 * 24 * time.Hour
	callbackAge  = 3 * 24 * time.Hour // they are given up before

	// markerAge is how long a removed key leaves a marker. More would raise the
	// time to live of every key to it.
	markerAge = time.Second

	largestJournal = 8 << 30 // bytes
	otherShare     = 8       // the other streams get one part in so many of the journal's size
	smallestStream = 1 << 20 // bytes
)

// streams describes every stream and bucket of the gateway; journal is the size
// in bytes at which the journal refuses events.
func streams(names Names, replicas int, journal int64) []jetstream.StreamConfig {
	storing := func(name, subject string, age time.Duration) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subject + ".>"}, Replicas: replicas,
			MaxAge: age, Discard: jetstream.DiscardOld, MaxBytes: max(journal/otherShare, smallestStream),
			Duplicates: DedupeWindow, AllowAtomicPublish: true,
		}
	}
	in := storing(names.In, names.InSubject, 0)
	in.Description = "accepted events, one message per matched tenant"
	in.MaxBytes, in.Discard = journal, jetstream.DiscardNew

	unmatched := storing(names.Unmatched, names.UnmatchedSubject, unmatchedAge)
	unmatched.Description = "accepted events that no rule matched"

	// Subscribers of the plain subject see an outcome only after it was stored,
	// and once: a repeated publish is dropped before it is republished.
	out := storing(names.Out, names.OutSubject, outAge)
	out.Description = "outcomes"
	out.SubjectTransform = &jetstream.SubjectTransformConfig{Source: names.OutSubject + ".>", Destination: names.EventSubject + ".>"}
	out.RePublish = &jetstream.RePublish{Source: names.EventSubject + ".>", Destination: names.EventSubject + ".>"}

	dead := storing(names.Dead, names.DeadSubject, deadAge)
	dead.Description = "what could not be decoded, planned or carried out"

	callbacks := storing(names.Callbacks, names.CallbackSubject, callbackAge)
	callbacks.Description = "who is to be told of the end of a run"
	callbacks.Retention = jetstream.WorkQueuePolicy

	ledger := bucket(names.Ledger, jetstream.FileStorage, replicas)
	ledger.Description = "runs, epochs and cursors"
	ledger.AllowAtomicPublish = true
	leases := bucket(names.Leases, jetstream.MemoryStorage, replicas)
	leases.Description = "who is active for which tenant"
	return []jetstream.StreamConfig{in, unmatched, out, dead, callbacks, ledger, leases}
}

// bucket describes the stream under a key-value bucket. It is made here and not
// by the client's CreateKeyValue, which knows no atomic batches; and without
// direct reads, which any replica may answer with what was true before.
func bucket(name string, storage jetstream.StorageType, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, Replicas: replicas, Storage: storage,
		MaxMsgsPerSubject: 1, MaxBytes: -1, Discard: jetstream.DiscardNew,
		AllowRollup: true, DenyDelete: true,
		AllowMsgTTL: true, SubjectDeleteMarkerTTL: markerAge,
	}
}

// ensure creates a stream, or brings an existing one up to what is wanted. Size
// and age that an operator tuned stay.
func (b *Broker) ensure(ctx context.Context, want jetstream.StreamConfig) error {
	stream, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = b.js.CreateStream(ctx, want)
		if err == nil {
			return kept(stream, want)
		}
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			if tooSmall(err) {
				err = fmt.Errorf("%w (it asks for %d bytes in %d copies, which the server's JetStream has not: set broker.journal_bytes to less, or give JetStream or the account more)",
					err, want.MaxBytes, max(want.Replicas, 1))
			}
			return named("create stream", want.Name, err)
		}
		stream, err = b.js.Stream(ctx, want.Name) // another replica was faster
	}
	if err != nil {
		return named("look up stream", want.Name, err)
	}
	have := stream.CachedInfo().Config
	if reason := incompatible(have, want); reason != "" {
		return fmt.Errorf("stream %s was not made by this gateway (%s): give broker.prefix another value, or remove that stream", want.Name, reason)
	}
	next := merge(have, want, b.cfg.JournalBytes > 0, b.cfg.Replicas > 0)
	if reflect.DeepEqual(have, next) {
		return nil
	}
	if stream, err = b.js.UpdateStream(ctx, next); err != nil {
		return named("update stream", want.Name, err)
	}
	return kept(stream, want)
}

// kept refuses a stream of which the server has forgotten what it does not understand.
// It would take a batch apart, and let two dispatchers write.
func kept(stream jetstream.Stream, want jetstream.StreamConfig) error {
	have := stream.CachedInfo().Config
	if want.AllowAtomicPublish && !have.AllowAtomicPublish || want.AllowMsgTTL && !have.AllowMsgTTL {
		return fmt.Errorf("stream %s: the NATS server that keeps it knows no atomic batches or no lifetimes of messages: %s or newer is needed on each server", want.Name, oldestServer)
	}
	return nil
}

// Codes of the server's refusals of a stream that is too large for it.
const (
	codeStorage   jetstream.ErrorCode = 10047 // this server
	codeNoPeers   jetstream.ErrorCode = 10005 // no servers of the cluster
	codeResources jetstream.ErrorCode = 10023 // the account, or this cluster
	codeAccount   jetstream.ErrorCode = 10002 // the account
)

// tooSmall says whether a server refused a stream for its size.
func tooSmall(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && slices.Contains([]jetstream.ErrorCode{codeStorage, codeNoPeers, codeResources, codeAccount}, refused.ErrorCode)
}

func named(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, name, err)
}

// incompatible says what no update can mend, or "".
func incompatible(have, want jetstream.StreamConfig) string {
	switch {
	case have.Storage != want.Storage:
		return "storage is " + have.Storage.String()
	case have.Retention != want.Retention:
		return "retention is " + have.Retention.String()
	case !slices.Equal(have.Subjects, want.Subjects):
		return fmt.Sprintf("its subjects are %q", have.Subjects)
	}
	return ""
}

// merge returns have with everything in it that the gateway relies on.
func merge(have, want jetstream.StreamConfig, size, copies bool) jetstream.StreamConfig {
	next := have
	next.Description = want.Description
	next.Discard, next.Duplicates = want.Discard, want.Duplicates
	if want.MaxMsgsPerSubject > 0 {
		next.MaxMsgsPerSubject, next.Duplicates = want.MaxMsgsPerSubject, have.Duplicates
	}
	if next.MaxAge > 0 { // the server wants no id to outlive its message
		next.Duplicates = min(next.Duplicates, next.MaxAge)
	}
	next.AllowAtomicPublish, next.AllowRollup, next.DenyDelete = want.AllowAtomicPublish, want.AllowRollup, want.DenyDelete
	next.AllowMsgTTL, next.SubjectDeleteMarkerTTL = want.AllowMsgTTL, want.SubjectDeleteMarkerTTL
	next.SubjectTransform, next.RePublish = want.SubjectTransform, want.RePublish
	if size {
		next.MaxBytes = want.MaxBytes
	}
	if copies {
		next.Replicas = want.Replicas
	}
	if len(want.Metadata) > 0 {
		next.Metadata = maps.Clone(have.Metadata)
		if next.Metadata == nil {
			next.Metadata = map[string]string{}
		}
		maps.Copy(next.Metadata, want.Metadata)
	}
	return next
}

// ensureAll creates or updates every stream and bucket.
func (b *Broker) ensureAll(ctx context.Context) error {
	wanted := streams(b.names, max(b.cfg.Replicas, 1), b.journalBytes())
	wanted[0].Metadata = map[string]string{installationKey: b.installation}
	first, err := b.firstSequence(ctx)
	if err != nil {
		return err
	}
	wanted[0].FirstSeq = first
	for _, stream := range wanted {
		if err := b.ensure(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}

// mostStored is more events than a journal takes in a second of its life.
const mostStored = 1_000_000

// firstSequence returns the sequence of the first event of a journal that is made now; 0 =
// the server's default, which is 1. Where a cluster has lost its journal and still has the
// ledger, dispatchers know the old one's sequences as done: the new one begins behind all
// that it can have had. (Of an embedded store the water mark knows what it had.)
func (b *Broker) firstSequence(ctx context.Context) (uint64, error) {
	if b.embedded != nil {
		return 0, nil
	}
	switch _, err := b.js.Stream(ctx, b.names.In); {
	case err == nil:
		return 0, nil
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, named("look up stream", b.names.In, err)
	}
	ledger, err := b.js.Stream(ctx, "KV_"+b.names.Ledger)
	if errors.Is(err, jetstream.ErrStreamNotFound) || err == nil && ledger.CachedInfo().State.LastSeq == 0 {
		return 0, nil
	}
	if err != nil {
		return 0, named("look up stream", "KV_"+b.names.Ledger, err)
	}
	b.log.Error().Str("hop", "store").Str("stream", b.names.In).
		Msg("the journal is gone and the ledger is there: a new journal is made; what was accepted and not yet carried out is lost: let the senders send it again")
	return uint64(time.Now().Unix()) * mostStored, nil //nolint:gosec // after 1970
}

// returns is told each time that the connection to an external server is back.
func (b *Broker) returns() <-chan struct{} {
	back := make(chan struct{}, 1)
	said := b.conn.Opts.ReconnectedCB
	b.conn.SetReconnectHandler(func(conn *nats.Conn) {
		said(conn)
		select {
		case back <- struct{}{}:
		default:
		}
	})
	return back
}

// keepStreams makes the streams again after the external server was away: a bucket
// in memory does not outlive a server that stands alone.
func (b *Broker) keepStreams(back <-chan struct{}) {
	defer close(b.kept)
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	for {
		select {
		case <-b.closing:
			return
		case <-back:
		case <-again.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
		err := b.ensureAll(ctx)
		cancel()
		if err != nil {
			b.log.Warn().Err(err).Msg("the streams cannot be looked after yet")
			again.Reset(time.Second)
		}
	}
}
