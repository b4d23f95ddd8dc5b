package bridge

import (
	"context"
	"crypto/rand"
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
	stream jetstream.Stream // of the bucket
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
	stream, err := js.Stream(ctx, "KV_"+bucket)
	if err != nil {
		return nil, fmt.Errorf("open leases %s: %w", bucket, err)
	}
	return &Leases{js: js, kv: kv, stream: stream, bucket: bucket, holder: holder, ttl: ttl}, nil
}

// A Lease is held by one replica at a time.
type Lease struct {
	of       *Leases
	key      string
	mark     string // tells what this lease wrote from what others did
	revision uint64
}

// leaseMark is the header with a lease's mark.
const leaseMark = "Gateway-Lease"

// patience is how long the broker may take for one question about a lease. To what was
// asked of a server that has just gone no answer comes, and a lease is too short to wait
// for one.
func (l *Leases) patience() time.Duration { return l.ttl / 4 }

// Acquire waits until the lease of that name is free and takes it.
func (l *Leases) Acquire(ctx context.Context, name string) (*Lease, error) {
	lease := &Lease{of: l, key: name, mark: rand.Text()}
	for {
		if taken, err := lease.take(ctx); taken && err == nil {
			return lease, nil
		}
		if err := pause(ctx, l.ttl/5); err != nil {
			return nil, fmt.Errorf("acquire lease %s: %w", name, err)
		}
	}
}

// take takes the lease if nobody holds it.
func (l *Lease) take(ctx context.Context) (taken bool, err error) {
	newest, err := l.newest(ctx)
	if err != nil {
		return false, err
	}
	switch {
	case newest == nil:
		l.revision = 0
	case newest.Header.Get("KV-Operation") != "", newest.Header.Get("Nats-Marker-Reason") != "": // given up, or over
		l.revision = newest.Sequence
	case newest.Header.Get(leaseMark) == l.mark: // it was taken, and the answer lost
		l.revision = newest.Sequence
	default:
		return false, nil
	}
	err = l.renew(ctx)
	return err == nil, err
}

// newest returns what was written last about the lease, as far as the server that
// answers knows; nil when nothing was.
func (l *Lease) newest(ctx context.Context) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, l.of.patience())
	defer cancel()
	msg, err := l.of.stream.GetLastMsgForSubject(ctx, l.subject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at lease %s: %w", l.key, err)
	}
	return msg, nil
}

func (l *Lease) subject() string { return "$KV." + l.of.bucket + "." + l.key }

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

// renew writes the lease. Where it was written and the answer lost, the broker refuses to
// write it once more; then it goes on from there.
func (l *Lease) renew(ctx context.Context) error {
	err := l.write(ctx)
	if !isRefusal(err) {
		return err
	}
	newest, lost := l.newest(ctx)
	if lost != nil || newest == nil || newest.Header.Get(leaseMark) != l.mark || newest.Sequence <= l.revision {
		return err
	}
	l.revision = newest.Sequence
	return l.write(ctx)
}

func (l *Lease) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.of.patience())
	defer cancel()
	msg := nats.NewMsg(l.subject())
	msg.Data = []byte(l.of.holder)
	msg.Header.Set(leaseMark, l.mark)
	msg.Header.Set("Nats-TTL", l.of.ttl.String())
	msg.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(l.revision, 10))
	ack, err := l.of.js.PublishMsg(ctx, msg)
	if err != nil {
		return fmt.Errorf("renew lease %s: %w", l.key, err)
	}
	l.revision = ack.Sequence
	return nil
}

// Release gives the lease up, so that another replica need not wait for its end. It
// waits no longer for the broker than a renewal does.
func (l *Lease) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.of.patience())
	defer cancel()
	if err := l.of.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision)); err != nil && !isRefusal(err) {
		return fmt.Errorf("release lease %s: %w", l.key, err)
	}
	return nil
}
