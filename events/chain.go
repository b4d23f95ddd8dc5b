package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// chainKey is where the ledger keeps how far the chain has come.
const chainKey = "chain"

// chainSave is how long outcomes that no rule wants go by before that is noted.
const chainSave = time.Second

// ChainConfig is what a Chain works with. All of it is required.
type ChainConfig struct {
	Outcomes *Subscriptions // they know the stream of outcomes
	Journal  *Journal
	Rules    func() (set *rules.Set, revision uint64)                                           // in force now
	Hold     func(ctx context.Context, name string, work func(ctx context.Context) error) error // while this replica has the lease of that name
	Log      zerolog.Logger
}

// A Chain brings the gateway's own outcomes to the journal, for the rules that they
// match: so one run begins another. It goes on where it stopped, and what it meets
// again the journal knows by the outcome's id.
//
// outcome published -> Chain -> rules.Set.Route -> Journal.Append -> noted as heard
type Chain struct {
	ChainConfig
	next     uint64 // the outcome to hear next
	noted    uint64 // as the ledger has it
	revision uint64 // of that
	at       time.Time
}

// chainState is how far a chain has come: everything below Next was heard.
type chainState struct {
	Schema int    `json:"schema"`
	Next   uint64 `json:"next"`
}

// OpenChain returns the chain. The first time, it notes that it begins with the next
// outcome to come.
func OpenChain(ctx context.Context, cfg ChainConfig) (*Chain, error) {
	c := &Chain{ChainConfig: cfg}
	stream, err := cfg.Outcomes.look(ctx)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(chainState{Schema: stateSchema, Next: stream.CachedInfo().State.LastSeq + 1})
	if err != nil {
		return nil, fmt.Errorf("encode beginning of chain: %w", err)
	}
	if _, err = cfg.Outcomes.kv.Create(ctx, chainKey, text); errors.Is(err, jetstream.ErrKeyExists) {
		err = nil
	}
	return c, classify("note beginning of chain", err)
}

// Run hears outcomes whenever this replica has the chain's lease, until ctx ends.
func (c *Chain) Run(ctx context.Context) error {
	for wait := tenureSoon; ; wait = min(2*wait, tenureLate) {
		began := time.Now()
		err := c.Hold(ctx, chainKey, c.work)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > tenureLate {
			wait = tenureSoon
		}
		c.Log.Warn().Err(err).Str("hop", "chain").Dur("again_in", wait).Msg("hearing outcomes begins again")
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// work hears outcomes until ctx ends or one cannot be stored.
func (c *Chain) work(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	err := follow(ctx, c.Outcomes.js, c.Outcomes.stream, jetstream.ConsumerConfig{OptStartSeq: c.next}, func(msg stored) error {
		if msg.sequence > c.next {
			c.Log.Error().Str("hop", "chain").Uint64("first", c.next).Uint64("last", msg.sequence-1).Msg("outcomes were kept no longer before rules could hear them")
		}
		heard, err := c.hear(ctx, msg)
		if err != nil {
			return err
		}
		c.next = msg.sequence + 1
		if heard || time.Since(c.at) > chainSave {
			return c.note(ctx)
		}
		return nil
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return errors.Join(err, c.note(ctx))
}

// begin reads how far the chain has come.
func (c *Chain) begin(ctx context.Context) error {
	entry, err := c.Outcomes.kv.Get(ctx, chainKey)
	if err != nil {
		return classify("read how far the chain has come", err)
	}
	var state chainState
	if err := decodeState(entry.Value(), &state); err != nil {
		return fmt.Errorf("read how far the chain has come: %w", err)
	}
	stream, err := c.Outcomes.look(ctx)
	if err != nil {
		return err
	}
	if c.next = state.Next; c.next > stream.CachedInfo().State.LastSeq+1 {
		c.next = 1 // the stream was made anew
	}
	c.noted, c.revision, c.at = c.next, entry.Revision(), time.Now()
	return nil
}

// note writes how far the chain has come, also when ctx has just ended. Should
// another replica have come further, nothing is written.
func (c *Chain) note(ctx context.Context) error {
	if c.next == c.noted {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
	defer cancel()
	text, err := json.Marshal(chainState{Schema: stateSchema, Next: c.next})
	if err != nil {
		return fmt.Errorf("encode how far the chain has come: %w", err)
	}
	revision, err := c.Outcomes.kv.Update(ctx, chainKey, text, c.revision)
	if err != nil {
		return classify("note how far the chain has come", err)
	}
	c.noted, c.revision, c.at = c.next, revision, time.Now()
	return nil
}

// hear brings an outcome to the journal when rules want it, and says whether they do.
func (c *Chain) hear(ctx context.Context, msg stored) (bool, error) {
	set, revision := c.Rules()
	if !set.ListensToOwn() {
		return false, nil
	}
	outcome, _, err := ReadOutcome(msg.header, msg.body)
	if err != nil {
		c.Log.Error().Err(err).Str("hop", "chain").Uint64("sequence", msg.sequence).Msg("an outcome cannot be read")
		return false, nil
	}
	arrival := Heard(outcome)
	routing := set.Route(arrival.View())
	for _, note := range routing.Errors {
		c.Log.Warn().Str("hop", "chain").Str("event_id", outcome.ID()).Str("rule", note.Rule).Str("error", note.Text).Msg("when cannot be evaluated")
	}
	if len(routing.Matches) == 0 {
		return false, nil
	}
	receipt, err := c.Journal.Append(ctx, arrival, TargetsOf(routing.Matches), revision)
	if errors.Is(err, ErrTooLarge) {
		c.Log.Error().Err(err).Str("hop", "chain").Str("event_id", outcome.ID()).Msg("an outcome is too large for the journal: no rule hears it")
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.Log.Info().Str("hop", "chain").Str("event_id", outcome.ID()).Str("type", outcome.Type()).Int("hops", arrival.Hops()).
		Bool("duplicate", receipt.Duplicate).Msg("rules hear an outcome")
	return true, nil
}

// TargetsOf groups matches by tenant, in the order of the rules.
func TargetsOf(matches []rules.Match) []Target {
	var targets []Target
	for _, match := range matches {
		i := slices.IndexFunc(targets, func(t Target) bool { return t.Tenant == match.Tenant })
		if i < 0 {
			i = len(targets)
			targets = append(targets, Target{Tenant: match.Tenant})
		}
		targets[i].Rules = append(targets[i].Rules, match.Rule)
	}
	return targets
}
