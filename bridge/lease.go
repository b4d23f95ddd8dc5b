package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrLeaseLost is returned when a lease could not be renewed in time.
var ErrLeaseLost = errors.New("lease lost")

// Leases decide which replica works for a tenant. A lease keeps two dispatchers
// from working at once in ordinary times; what makes it safe is the ledger's fence.
type Leases struct {
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	bucket string
	holder string        // who we are, for people to read
	ttl    time.Duration // without renewal a lease ends after this
}

// OpenLeases returns the leases kept in a key-value bucket with per-key TTL.
func OpenLeases(ctx context.Context, js jetstream.JetStream, bucket, holder string, ttl time.Duration) (*Leases, error) {
	kv, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open leases %s: %w", bucket, err)
	}
	return &Leases{js: js, kv: kv, bucket: bucket, holder: holder, ttl: ttl}, nil
}

// A Lease is held by one replica at a time.
type Lease struct {
	of       *Leases
	key      string
	revision uint64
}

// Acquire waits until the lease of that name is free and takes it.
func (l *Leases) Acquire(ctx context.Context, name string) (*Lease, error) {
	for {
		revision, err := l.kv.Create(ctx, name, []byte(l.holder), jetstream.KeyTTL(l.ttl))
		if err == nil {
			return &Lease{of: l, key: name, revision: revision}, nil
		}
		if err := pause(ctx, l.ttl/5); err != nil {
			return nil, fmt.Errorf("acquire lease %s: %w", name, err)
		}
	}
}

// Holder returns who holds the lease of that name, or "" when nobody does.
func (l *Leases) Holder(ctx context.Context, name string) (string, error) {
	entry, err := l.kv.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read lease %s: %w", name, err)
	}
	return string(entry.Value()), nil
}

// Keep renews the lease until ctx ends, when it returns nil, or until the lease is
// lost.
func (l *Lease) Keep(ctx context.Context) error {
	renewed := time.Now()
	for {
		if err := pause(ctx, l.of.ttl/4); err != nil {
			return nil //nolint:nilerr // the end of ctx is the wanted end
		}
		switch err := l.renew(ctx); {
		case err == nil:
			renewed = time.Now()
		case ctx.Err() != nil:
			return nil
		case isRefusal(err), time.Since(renewed) > l.of.ttl*3/4:
			return fmt.Errorf("%w: %s: %w", ErrLeaseLost, l.key, err)
		}
	}
}

func isRefusal(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && refused.ErrorCode == codeStale
}

func (l *Lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.of.ttl/4)
	defer cancel()
	msg := nats.NewMsg("$KV." + l.of.bucket + "." + l.key)
	msg.Data = []byte(l.of.holder)
	msg.Header.Set("Nats-TTL", l.of.ttl.String())
	msg.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(l.revision, 10))
	ack, err := l.of.js.PublishMsg(ctx, msg)
	if err != nil {
		return fmt.Errorf("renew lease %s: %w", l.key, err)
	}
	l.revision = ack.Sequence
	return nil
}

// Release gives the lease up, so that another replica need not wait for its end.
func (l *Lease) Release(ctx context.Context) error {
	if err := l.of.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision)); err != nil && !isRefusal(err) {
		return fmt.Errorf("release lease %s: %w", l.key, err)
	}
	return nil
}
