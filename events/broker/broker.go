// Package broker keeps the gateway's streams and buckets: on a NATS server
// embedded in this process, or on an external server or cluster.
//
//	b, err := broker.Open(ctx, broker.Config{DataDir: "./data"}, log)
//	...
//	b.JetStream() // the gateway's own connection: journal, ledger, outcomes
//	b.Edge()      // people's subjects; it may publish to `_INBOX.>` only
//	...
//	err = b.Close(ctx)
//
// On the embedded server everything is on disk before it is acknowledged, unless
// Config.Sync says otherwise.
// People's users live in an account of their own that sees outcomes and nothing
// else. Tests open one in t.TempDir(): it takes milliseconds.
package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// readyWithin bounds the look that Ready takes at the store.
const readyWithin = 2 * time.Second

// A Broker is an open connection to the gateway's streams, with the embedded
// server behind it if there is one.
type Broker struct {
	cfg      Config
	names    Names
	log      zerolog.Logger
	embedded *embedded // nil with an external server
	conn     *nats.Conn
	edge     *nats.Conn
	js       jetstream.JetStream

	installation string
	missing      []string
	finishing    sync.Once
	closing      chan struct{} // closed when Close begins
	kept         chan struct{} // closed when the streams are looked after no more
	closed       chan struct{}
}

// Open starts the embedded server, or connects to the external one, and creates
// or updates streams and buckets. Its errors say what an operator can mend. ctx
// bounds the opening only.
func Open(ctx context.Context, cfg Config, log zerolog.Logger) (*Broker, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if cfg.DataDir != "" {
		if err := restored(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	if cfg.exposed() && cfg.TLS.Cert == "" {
		log.Warn().Str("listen", cfg.Listen).Msg("broker.listen is open to other machines without encryption: passwords cross the network readable")
	}
	if cfg.Sync == SyncInterval {
		log.Warn().Dur("sync_every", SyncEvery).Msg("broker.sync is interval: a power cut loses what was acknowledged since the last sync")
	}
	b := &Broker{cfg: cfg, names: NamesFor(cfg.Prefix), log: log, closing: make(chan struct{}), kept: make(chan struct{}), closed: make(chan struct{})}
	if err := b.open(ctx); err != nil {
		b.shutdown()
		return nil, err
	}
	return b, nil
}

func (b *Broker) open(ctx context.Context) error {
	if err := b.connect(ctx); err != nil {
		return err
	}
	var err error
	if b.js, err = jetstream.New(b.conn); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	if b.installation, err = b.identify(ctx); err != nil {
		return err
	}
	if err := b.ensureAll(ctx); err != nil {
		return err
	}
	if b.embedded == nil {
		if b.js, err = jetstream.New(b.conn, jetstream.WithDefaultTimeout(askWithin)); err != nil {
			return fmt.Errorf("use JetStream: %w", err)
		}
		go b.keepStreams(b.returns())
		return nil
	}
	if err := b.compare(ctx); err != nil {
		return err
	}
	go b.keepMark()
	return nil
}

// connect makes both connections.
func (b *Broker) connect(ctx context.Context) (err error) {
	if b.cfg.URL != "" {
		if b.conn, err = dialExternal(b.cfg, b.cfg.Login, "core", b.log); err != nil {
			return err
		}
		login := b.cfg.EdgeLogin
		if login == (Login{}) {
			login = b.cfg.Login
		}
		b.edge, err = dialExternal(b.cfg, login, "edge", b.log)
		return err
	}
	if b.embedded, err = startEmbedded(ctx, b.cfg, b.log); err != nil {
		return err
	}
	b.conn, b.edge, err = b.embedded.connect(b.log)
	return err
}

// Renew lets users of the embedded server in by the secrets of another configuration
// from now on, and shows clients the certificate that is in its files by now. Who is
// connected stays so, and nothing else of the configuration counts. With an external
// server there is nothing to do: its files are read whenever a connection is made. It
// fails, and changes nothing, where the certificate cannot be used.
func (b *Broker) Renew(cfg Config) error {
	if b.embedded == nil {
		return nil
	}
	return b.embedded.renew(cfg)
}

// journalBytes is the size of a new journal.
func (b *Broker) journalBytes() int64 {
	switch {
	case b.cfg.JournalBytes > 0:
		return b.cfg.JournalBytes
	case b.embedded == nil:
		return largestJournal
	}
	return min(largestJournal, b.embedded.room()/2)
}

// JetStream returns the gateway's own way to streams and buckets.
func (b *Broker) JetStream() jetstream.JetStream { return b.js }

// Conn returns the gateway's own connection.
func (b *Broker) Conn() *nats.Conn { return b.conn }

// Edge returns the connection on which people's subjects are read. On the
// embedded server it may publish to `_INBOX.>` only, so that nobody can have
// the gateway publish elsewhere by the reply subject of a message; on an
// external server the permissions of Config.EdgeLogin decide.
func (b *Broker) Edge() *nats.Conn { return b.edge }

// Replicas returns how many copies of each stream are kept.
func (b *Broker) Replicas() int { return max(b.cfg.Replicas, 1) }

// Unsynced reports whether messages are acknowledged before they are synced.
func (b *Broker) Unsynced() bool { return b.cfg.Sync == SyncInterval }

// Binary reports whether outcomes are put on NATS in binary mode.
func (b *Broker) Binary() bool { return b.cfg.Binary }

// Names returns the names of streams, buckets and subjects.
func (b *Broker) Names() Names { return b.names }

// ClientURL returns where others reach the embedded server, with the port that
// was picked for port 0; "" when nobody may.
func (b *Broker) ClientURL() string {
	if b.embedded == nil || b.cfg.Listen == "" {
		return ""
	}
	return b.embedded.url()
}

// Broken is closed when the embedded server's store met an error, such as a full
// disk, after which it takes no more writes, not even once the cause is gone. The
// broker is to be closed and opened again. With an external server it never is.
func (b *Broker) Broken() <-chan struct{} {
	if b.embedded == nil {
		return nil
	}
	return b.embedded.broken
}

// Ready says why the broker cannot store anything now, or nil.
func (b *Broker) Ready() error {
	if !b.conn.IsConnected() {
		return errors.New("broker: not connected")
	}
	select {
	case <-b.Broken():
		return errors.New("broker: the store takes no more writes; is the disk full or read-only?")
	default:
	}
	if b.embedded != nil && !b.embedded.stores() {
		return errors.New("broker: the embedded server has switched its store off; is the disk full or read-only?")
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	if _, err := b.js.Stream(ctx, b.names.In); err != nil {
		return fmt.Errorf("broker: look up stream %s: %w", b.names.In, err)
	}
	return nil
}

// JournalUsed returns how full the journal is, from 0 to 1: at 1 it takes no more events.
func (b *Broker) JournalUsed() (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	stream, err := b.js.Stream(ctx, b.names.In)
	if err != nil {
		return 0, fmt.Errorf("look up stream %s: %w", b.names.In, err)
	}
	info := stream.CachedInfo()
	return float64(info.State.Bytes) / float64(max(info.Config.MaxBytes, 1)), nil
}

// Close lets both connections finish what is under way, then stops the embedded
// server and frees its folder. When ctx ends first it returns that error and
// goes on in the background without the first part. A second Close waits for
// the first.
func (b *Broker) Close(ctx context.Context) error {
	b.finishing.Do(func() {
		close(b.closing)
		go b.finish(ctx)
	})
	select {
	case <-b.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close broker: %w", ctx.Err())
	}
}

func (b *Broker) finish(ctx context.Context) {
	defer close(b.closed)
	<-b.kept
	for _, conn := range []*nats.Conn{b.edge, b.conn} {
		drained := make(chan struct{})
		conn.SetClosedHandler(func(*nats.Conn) { close(drained) })
		if conn.Drain() != nil {
			continue // closed or without a server: nothing is under way
		}
		select {
		case <-drained:
		case <-ctx.Done():
		}
	}
	b.shutdown()
}

// shutdown ends what was opened, in reverse order.
func (b *Broker) shutdown() {
	for _, conn := range []*nats.Conn{b.edge, b.conn} {
		if conn != nil {
			conn.Close()
		}
	}
	if b.embedded != nil {
		b.embedded.stop()
	}
}
