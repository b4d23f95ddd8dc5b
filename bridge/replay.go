package bridge

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
)

// A Replayer brings events that the gateway took before to the journal once more,
// routed by the rules that are in force now. A replayed event is a new one: it has
// an id of its own, and names the original's in the extension replayof.
type Replayer struct {
	Journal   *events.Journal
	Dead      *events.DeadLetters
	Ledger    *Ledger
	Revisions *Revisions
}

// What a replay can do with one event.
const (
	ReplayDone        = "replayed"     // it is on the journal again
	ReplayDuplicate   = "duplicate"    // the same replay had brought it before
	ReplayWould       = "would_replay" // dry run: it would be on the journal again
	ReplayNoMatch     = "no_match"     // no rule in force matches it
	ReplayNoPlan      = "no_plan"      // a rule matches it, and cannot make a plan of it
	ReplayUndecodable = "undecodable"  // it cannot be read
	ReplayGone        = "gone"         // the journal does not hold it any more
)

// A Replayed is one event that a replay met, and what it did with it.
type Replayed struct {
	Sequence uint64    `json:"sequence"` // of the original, on its stream
	Time     time.Time `json:"time,omitzero"`
	Tenant   string    `json:"tenant,omitempty"` // that it was stored for; none when no rule had matched it
	Source   string    `json:"source,omitempty"`
	ID       string    `json:"id,omitempty"` // of the original
	Type     string    `json:"type,omitempty"`
	Result   string    `json:"result"`
	Rules    []string  `json:"rules,omitempty"` // that it goes to now
	As       string    `json:"as,omitempty"`    // id of the event that repeats it
	Error    string    `json:"error,omitempty"` // why it was not replayed
}

// A ReplayQuery chooses events to replay: those of a span of time, or those that a
// run was carried out for.
type ReplayQuery struct {
	ID     string    `json:"id,omitempty"` // of the replay: what it brought already it does not bring again; default a new one
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`      // events before this; default now, which is also the latest
	Source string    `json:"source,omitempty"` // only events of this configured source
	Type   string    `json:"type,omitempty"`   // only events of this CloudEvents type
	Rule   string    `json:"rule,omitempty"`   // for this rule only
	Run    string    `json:"run,omitempty"`    // instead of From: the events of a run that failed, expired or was canceled
	DryRun bool      `json:"dry_run,omitempty"`
	Rate   float64   `json:"rate,omitempty"` // events per second; default 10, at most 1000
}

// Check says what is wrong with a query, or nil.
func (q ReplayQuery) Check() error {
	switch {
	case q.Run == "" && q.From.IsZero():
		return errors.New("from: expected the time of the first event to replay")
	case q.Run != "" && (!q.From.IsZero() || !q.To.IsZero() || q.Source != "" || q.Type != "" || q.Rule != ""):
		return errors.New("run: chooses its own events; leave out from, to, source, type and rule")
	case !q.To.IsZero() && !q.To.After(q.From):
		return errors.New("to: expected a time after from")
	case q.Rate < 0 || q.Rate > 1000:
		return errors.New("rate: expected more than 0 and at most 1000 events per second")
	}
	return nil
}

// A ReplaySummary says what a replay came to.
type ReplaySummary struct {
	ID          string `json:"id"`
	DryRun      bool   `json:"dry_run,omitempty"`
	Seen        int    `json:"seen"`     // events that the query chose
	Replayed    int    `json:"replayed"` // or would be
	Duplicates  int    `json:"duplicates"`
	Unmatched   int    `json:"unmatched"`
	Unplanned   int    `json:"unplanned"`
	Undecodable int    `json:"undecodable"`
	Gone        int    `json:"gone"`
	Error       string `json:"error,omitempty"` // why it ended before its end
}

func (s *ReplaySummary) count(result string) {
	s.Seen++
	switch result {
	case ReplayDone, ReplayWould:
		s.Replayed++
	case ReplayDuplicate:
		s.Duplicates++
	case ReplayNoMatch:
		s.Unmatched++
	case ReplayNoPlan:
		s.Unplanned++
	case ReplayUndecodable:
		s.Undecodable++
	case ReplayGone:
		s.Gone++
	}
}

// A replay is one that is under way.
type replay struct {
	Replayer
	query   ReplayQuery
	tell    func(Replayed) error
	every   time.Duration
	next    time.Time // when the next event may go
	summary ReplaySummary
}

// Replay replays the events that a query chooses, paced, in the order in which
// they came. It tells each one that some rule matches or that cannot be replayed,
// and ends with the first error of tell, or with ctx. Events that are replays
// themselves are passed over: their originals are there.
func (r Replayer) Replay(ctx context.Context, q ReplayQuery, tell func(Replayed) error) (ReplaySummary, error) {
	if q.ID == "" {
		q.ID = strings.ToLower(rand.Text()[:12])
	}
	if q.Rate == 0 {
		q.Rate = 10
	}
	work := &replay{Replayer: r, query: q, tell: tell, every: time.Duration(float64(time.Second) / q.Rate)}
	work.summary.ID, work.summary.DryRun = q.ID, q.DryRun
	var err error
	if q.Run != "" {
		err = work.run(ctx)
	} else {
		err = work.span(ctx)
	}
	return work.summary, err
}

// span replays a span of the journal.
func (r *replay) span(ctx context.Context) error {
	q := r.query
	if q.Rule != "" && !r.Revisions.Current().Rules.Has(q.Rule) {
		return fmt.Errorf("%w: the configuration has no rule %s; events are replayed by the rules in force", ErrRefused, q.Rule)
	}
	if now := time.Now(); q.To.IsZero() || q.To.After(now) {
		q.To = now
	}
	return r.Journal.History(ctx, q.From, q.To, func(entry events.Entry) error {
		switch {
		case entry.ReplayID != "",
			q.Source != "" && entry.Source != q.Source,
			q.Type != "" && (entry.Err != nil || entry.Event.Type() != q.Type):
			return nil
		}
		return r.one(ctx, entry, q.Rule)
	})
}

// run replays the events of a run that came to no good end.
func (r *replay) run(ctx context.Context) error {
	run, err := r.Ledger.Run(ctx, r.query.Run)
	if err != nil {
		return err
	}
	if run.State != RunFailed && run.State != RunExpired && run.State != RunCanceled {
		return fmt.Errorf("%w: run %s is %s; only the events of a run that failed, expired or was canceled are replayed", ErrRefused, run.ID, run.State)
	}
	for _, sequence := range run.Causes.Sequences() {
		entry, err := r.Journal.Entry(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			r.summary.count(ReplayGone)
			if err := r.tell(Replayed{Sequence: sequence, Tenant: run.Tenant, Result: ReplayGone}); err != nil {
				return err
			}
			continue
		}
		if err == nil {
			err = r.one(ctx, entry, run.Rule)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// one replays one event, in its turn.
func (r *replay) one(ctx context.Context, entry events.Entry, rule string) error {
	told, repeat := r.prepare(entry, rule, r.query.ID)
	if told.Result == ReplayWould && !r.query.DryRun {
		if err := r.pace(ctx); err != nil {
			return err
		}
		if err := r.append(ctx, &told, repeat); err != nil {
			return err
		}
	}
	r.summary.count(told.Result)
	if told.Result == ReplayNoMatch {
		return ctx.Err()
	}
	return r.tell(told)
}

// pace waits until the next event may go.
func (r *replay) pace(ctx context.Context) error {
	now := time.Now()
	if r.next.After(now) {
		if err := pause(ctx, r.next.Sub(now)); err != nil {
			return err
		}
		now = r.next
	}
	r.next = now.Add(r.every)
	return ctx.Err()
}
