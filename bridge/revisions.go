package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A Revision is a configuration of rules with its number in the ledger.
type Revision struct {
	Number uint64
	Rules  *rules.Set
}

// Revisions give the rules of every recorded configuration by number: an event is
// planned by the rules that matched it, also when the configuration has changed
// since, or when a replica that is already newer took it.
type Revisions struct {
	ledger *Ledger

	mu      sync.Mutex
	current Revision
	known   map[uint64]*rules.Set
}

// maxRevisions is how many earlier configurations are kept compiled.
const maxRevisions = 16

// NewRevisions returns the revisions recorded in a ledger. Use sets the one in force.
func NewRevisions(ledger *Ledger) *Revisions {
	return &Revisions{ledger: ledger, known: map[uint64]*rules.Set{}}
}

// Use records a configuration, puts it in force and returns it with its number.
// set is what document compiles to.
func (r *Revisions) Use(ctx context.Context, document []byte, set *rules.Set) (Revision, error) {
	number, err := r.ledger.Revision(ctx, document)
	if err != nil {
		return Revision{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = Revision{Number: number, Rules: set}
	r.remember(number, set)
	return r.current, nil
}

// Current returns the configuration in force.
func (r *Revisions) Current() Revision {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// At returns the rules of a number. A number that the ledger does not hold gives
// an error that wraps ErrNoRevision.
func (r *Revisions) At(ctx context.Context, number uint64) (*rules.Set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if set := r.known[number]; set != nil {
		return set, nil
	}
	document, err := r.ledger.revisionAt(ctx, number)
	if err != nil {
		return nil, err
	}
	set, err := rules.CompileRecord(document)
	if err != nil {
		return nil, fmt.Errorf("%w: revision %d: %w", ErrNoRevision, number, err)
	}
	r.remember(number, set)
	return set, nil
}

func (r *Revisions) remember(number uint64, set *rules.Set) {
	if len(r.known) >= maxRevisions {
		clear(r.known)
		r.known[r.current.Number] = r.current.Rules
	}
	r.known[number] = set
}

// ErrNoRevision is wrapped when a recorded configuration is not there or cannot be
// used.
var ErrNoRevision = errors.New("the configuration that took the event is not known")

// revisionAt reads a recorded configuration by its number.
func (l *Ledger) revisionAt(ctx context.Context, number uint64) ([]byte, error) {
	stream, err := l.js.Stream(ctx, l.stream())
	if err != nil {
		return nil, fmt.Errorf("read revision %d: %w", number, err)
	}
	msg, err := stream.GetMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("%w: revision %d", ErrNoRevision, number)
	}
	if err != nil {
		return nil, fmt.Errorf("read revision %d: %w", number, err)
	}
	return msg.Data, nil
}
