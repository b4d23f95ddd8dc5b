package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// Config is what a dispatcher works with. All of it is required, but Drain and Trace.
type Config struct {
	Tenant    string
	URL       string // of the tenant, for links in outcomes
	Client    *qlik.Client
	Breaker   qlik.BreakerConfig // its Probe is set by the dispatcher
	Journal   *events.Journal
	Skip      func(ctx context.Context, sequence uint64) error // has the journal go on behind a sequence
	Publisher *events.Publisher
	Dead      *events.DeadLetters
	Ledger    *Ledger
	Leases    *Leases
	Desk      *Desk      // where operators give orders
	Revisions *Revisions // the rules, by the number of their configuration
	Limits    Limits
	Metrics   *Metrics
	Trace     func(events.Hop) // told of every hop; nil = nobody asks
	Log       zerolog.Logger
	Drain     time.Duration // how long a stop waits for calls under way; default 10s
}

// A Dispatcher carries out one tenant's work while it holds the tenant's lease.
type Dispatcher struct {
	cfg     Config
	breaker *qlik.Breaker
	worker  *worker
}

// NewDispatcher returns a dispatcher. Run starts it.
func NewDispatcher(cfg Config) *Dispatcher {
	if cfg.Drain == 0 {
		cfg.Drain = 10 * time.Second
	}
	cfg.Breaker.Probe = func(ctx context.Context) error {
		_, err := cfg.Client.GetAppsPrivileges(ctx)
		return err
	}
	cfg.Metrics.begin(cfg.Tenant)
	breaker := qlik.NewBreaker(cfg.Breaker)
	return &Dispatcher{cfg: cfg, breaker: breaker, worker: &worker{
		client: cfg.Client, breaker: breaker, entry: cfg.Journal.Entry, limits: cfg.Limits,
	}}
}

// Run works until ctx ends: it waits for the tenant's lease, takes the tenant
// over, and begins again when it was displaced. It then finishes what is in hand,
// for no longer than Config.Drain, and returns nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	name := "dispatcher." + d.cfg.Tenant
	for wait := pauseShort; ; wait = min(2*wait, pauseLong) {
		began := time.Now()
		lease, err := d.cfg.Leases.Acquire(ctx, name)
		if err != nil {
			return nil //nolint:nilerr // only the end of ctx ends the wait
		}
		err = d.serve(ctx, lease)
		d.cfg.Metrics.stands(d.cfg.Tenant, false, BreakerStatus{})
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
		err = errors.Join(err, lease.Release(release))
		cancel()
		if time.Since(began) > pauseLong {
			wait = pauseShort // it worked for a while
		}
		switch {
		case errors.Is(err, ErrUnreadable):
			wait = pauseUnreadable
			d.cfg.Log.Error().Err(err).Str("tenant", d.cfg.Tenant).Str("hop", "takeover").Dur("again_in", wait).
				Msg("nothing is done for this tenant: whoever cannot read a record cannot know what was started")
		case err != nil:
			d.cfg.Log.Warn().Err(err).Str("tenant", d.cfg.Tenant).Str("hop", "lease").Msg("tenure ended")
		}
		if pause(ctx, wait) != nil {
			return nil
		}
	}
}

// QlikTime returns a time of ours on the tenant's clock, and the zero time when the
// tenant was not heard from yet.
func (d *Dispatcher) QlikTime(t time.Time) time.Time {
	if d.worker.identity.Load() == nil {
		return time.Time{}
	}
	return d.cfg.Client.ServerTime(t)
}

// Renew has the tenant called with the API key or OAuth client of another
// configuration from now on. A tenant that is held is asked again at its next probe.
func (d *Dispatcher) Renew(cfg qlik.Config) error {
	if err := d.worker.renew(cfg); err != nil {
		return fmt.Errorf("renew credentials of tenant %s: %w", d.cfg.Tenant, err)
	}
	return nil
}

// Tenant returns the name of the dispatcher's tenant.
func (d *Dispatcher) Tenant() string { return d.cfg.Tenant }

// serve is one tenure: from the take-over to its end.
func (d *Dispatcher) serve(ctx context.Context, lease *Lease) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop(nil)
	background.Go(func() {
		if err := lease.Keep(work); err != nil {
			stop(err)
		}
	})
	background.Go(func() { d.bound(ctx, work, stop) })
	background.Go(func() {
		_ = d.worker.through(work, d.worker.meet, &Report{}) // or else before the first call
	})
	taking, cancel := context.WithTimeout(ctx, takeOverLimit)
	t, err := d.takeOver(taking, lease)
	cancel()
	if err != nil {
		return err
	}
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	background.Go(func() {
		if err := d.cfg.Journal.Read(reading, d.cfg.Tenant, t.scheduler.Cursor()+1, t.entries); err != nil && reading.Err() == nil {
			stop(fmt.Errorf("read journal: %w", err))
		}
	})
	background.Go(func() {
		if err := d.cfg.Desk.listen(work, d.cfg.Tenant, t.orders); err != nil && work.Err() == nil {
			stop(err)
		}
	})
	background.Go(func() {
		if err := d.cfg.Desk.hear(work, d.cfg.Tenant, t.pushes); err != nil && work.Err() == nil {
			stop(err)
		}
	})
	err = t.loop(ctx, work)
	stop(err)
	t.calls.Wait()
	return err
}

// errSlow ends a tenure whose stop took longer than Config.Drain.
var errSlow = errors.New("stop: what was in hand did not end in time and will be reconciled")

// bound ends the work some time after ctx ended, whatever it waits for.
func (d *Dispatcher) bound(ctx, work context.Context, stop context.CancelCauseFunc) {
	select {
	case <-work.Done():
		return
	case <-ctx.Done():
	}
	if pause(work, d.cfg.Drain) == nil {
		stop(errSlow)
	}
}

// takeOverLimit bounds a take-over. One that reads from a server of the cluster that
// has just gone may hear nothing for ever, while its lease keeps all others out; it is
// given up and begun again.
const takeOverLimit = 20 * time.Second

// How many events are read before the dispatcher has admitted them, and how many reports
// it sees waiting. Each tenant has room for as many, idle or not.
const (
	entriesAhead = 64
	reportsAhead = 8
)

// takeOver begins a tenure with what the ledger and the journal hold.
func (d *Dispatcher) takeOver(ctx context.Context, lease *Lease) (*term, error) {
	tenure, err := d.cfg.Ledger.TakeOver(ctx, d.cfg.Tenant, lease.of.holder)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	held, err := tenure.Load(ctx, now.Add(-2*d.longestWindow()))
	if err != nil {
		return nil, err
	}
	created, err := d.extent(ctx, held.Cursor)
	if err != nil {
		return nil, err
	}
	last, err := insist(ctx, silence, func(ctx context.Context, _ func()) (uint64, error) { return d.cfg.Journal.Last(ctx, d.cfg.Tenant) })
	if err != nil {
		return nil, err
	}
	names := Names{Tenant: d.cfg.Tenant, URL: d.cfg.URL, Journal: created, Epoch: tenure.epoch}
	senses := Senses{Jitter: rand.Float64, Clock: d.cfg.Client.ServerTime}
	t := &term{
		d: d, tenure: tenure, last: last,
		scheduler: NewScheduler(names, d.cfg.Limits, senses, now, held),
		entries:   make(chan events.Entry, entriesAhead), reports: make(chan Report, reportsAhead), orders: make(chan request), pushes: make(chan string, mostPushes),
		log: d.cfg.Log.With().Str("tenant", d.cfg.Tenant).Logger(),
	}
	t.saved = held.Cursor
	t.log.Info().Str("hop", "takeover").Uint64("epoch", tenure.epoch).Int("runs", len(held.Active)).
		Uint64("cursor", held.Cursor).Uint64("journal", last).Msg("took the tenant over")
	return t, nil
}

// extent returns when the journal was made. One that ends before the tenant's cursor has
// lost its end since: what comes next would get sequences that count as read. It is made
// to go on behind them.
func (d *Dispatcher) extent(ctx context.Context, cursor uint64) (created time.Time, err error) {
	last, err := insist(ctx, silence, func(ctx context.Context, _ func()) (last uint64, err error) {
		created, last, err = d.cfg.Journal.Extent(ctx)
		return last, err
	})
	if err != nil || last >= cursor {
		return created, err
	}
	d.cfg.Log.Error().Str("tenant", d.cfg.Tenant).Str("hop", "takeover").Uint64("cursor", cursor).Uint64("journal", last).
		Msg("the journal has lost its end: what was accepted there, and since, and not carried out is lost: let the senders send it again")
	if err := d.cfg.Skip(ctx, cursor); err != nil {
		return created, fmt.Errorf("have the journal go on behind %d: %w", cursor, err)
	}
	return created, nil
}

// longestWindow is how far back calls count in a quota.
func (d *Dispatcher) longestWindow() time.Duration {
	longest := time.Minute
	for _, rate := range d.cfg.Limits.Quota {
		longest = max(longest, rate.Per)
	}
	return longest
}
