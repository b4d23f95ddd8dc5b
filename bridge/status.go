package bridge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// OpStatus asks how the tenant's dispatcher stands; it changes nothing.
const OpStatus Op = "status"

// mostParked is how many parked runs a Status names.
const mostParked = 50

// A Status is how a tenant's dispatcher stands at one moment.
type Status struct {
	At      time.Time     `json:"at"`
	Breaker BreakerStatus `json:"breaker"`
	Quota   []QuotaStatus `json:"quota"`
	Lanes   int           `json:"lanes"`  // apps that a run holds
	Open    int           `json:"open"`   // runs that have not ended
	Waits   map[Wait]int  `json:"waits"`  // what the open runs are doing or waiting for
	Parked  []Parked      `json:"parked"` // the oldest of those that wait
	Cursor  uint64        `json:"cursor"` // journal position up to which every event is admitted
	Pauses  []Pause       `json:"pauses"` // in force
}

// A BreakerStatus says whether calls to the tenant are let through.
type BreakerStatus struct {
	State   string    `json:"state"` // closed, open (Qlik does not answer) or held (Qlik refuses us)
	Since   time.Time `json:"since,omitzero"`
	ProbeAt time.Time `json:"probe_at,omitzero"` // when the tenant is asked again
	Hold    *Pause    `json:"hold,omitempty"`    // an operator holds it open
}

// A QuotaStatus is how much of one quota is used.
type QuotaStatus struct {
	Class qlik.Class    `json:"class"`
	Calls int           `json:"calls"` // allowed in any span of Per
	Per   time.Duration `json:"per_ns"`
	Used  int           `json:"used"`            // in the span that ends now
	Next  time.Time     `json:"next,omitzero"`   // when the next call may go, if not now
	Until time.Time     `json:"paused,omitzero"` // Qlik asked not to be called before
}

// A Wait says what an open run is doing or waiting for.
type Wait string

// What open runs do and wait for.
const (
	WaitGather   Wait = "gathering"    // more triggers may join
	WaitParts    Wait = "parts"        // parts of its join have not come
	WaitBreaker  Wait = "breaker"      // the tenant does not answer
	WaitHeld     Wait = "tenant_held"  // the tenant refuses us
	WaitPause    Wait = "paused"       // an operator paused its tenant, app or rule
	WaitApp      Wait = "app_busy"     // another run has the app
	WaitQuota    Wait = "quota"        // Qlik's quota or its turn
	WaitInterval Wait = "min_interval" // the app's last start is too near
	WaitBudget   Wait = "budget"       // the daily budget of the app or the tenant is used up
	WaitRetry    Wait = "retry"        // until its next try
	WaitPerson   Wait = "decision"     // somebody has to say how a step ended
	DoingCall    Wait = "calling"      // a call is under way
	DoingReload  Wait = "reloading"    // Qlik reloads the app
	DoingEnd     Wait = "telling"      // it has ended; its outcome is being told
	WaitNobody   Wait = "dispatcher"   // no dispatcher works for the tenant now
)

// A Parked run waits for something.
type Parked struct {
	Run   string    `json:"run"`
	Rule  string    `json:"rule"`
	App   string    `json:"app,omitempty"`
	Wait  Wait      `json:"wait"`
	Since time.Time `json:"since"`           // journal time of its first cause
	Until time.Time `json:"until,omitzero"`  // when it is looked at again at the latest, where that is known
	Other string    `json:"other,omitempty"` // the run that has the app
	Cause string    `json:"cause,omitempty"` // why it is to be tried again, or what is paused and why

	Missing []string `json:"missing,omitempty"` // the parts that have not come
}

// Status asks the tenant's dispatcher how it stands. Its error is ErrNobody when
// none works for the tenant now.
func (d *Desk) Status(ctx context.Context, tenant string) (Status, error) {
	return d.status(ctx, tenant, "")
}

// Waits asks the tenant's dispatcher what a run waits for, or is doing. Its error is
// ErrNobody when none works for the tenant now, and ErrNoRun when it has ended.
func (d *Desk) Waits(ctx context.Context, tenant, run string) (Parked, error) {
	status, err := d.status(ctx, tenant, run)
	if err != nil {
		return Parked{}, err
	}
	for _, parked := range status.Parked { // an older replica names all
		if parked.Run == run {
			return parked, nil
		}
	}
	return Parked{}, ErrNoRun
}

// status asks how the dispatcher stands, or, of a run, only what that waits for.
func (d *Desk) status(ctx context.Context, tenant, run string) (status Status, err error) {
	answer, err := d.ask(ctx, tenant, Order{Op: OpStatus, Run: run})
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(answer.Status, &status); err != nil {
		return Status{}, fmt.Errorf("decode the dispatcher's answer: %w", err)
	}
	return status, nil
}

// Waits says whether an open run waits, and not for Qlik to do what it was asked for.
func (w Wait) Waits() bool { return w != DoingCall && w != DoingReload && w != DoingEnd }

// shown returns how the scheduler stands, or what one run waits for.
func (s *Scheduler) shown(run string, now time.Time) Status {
	if run == "" {
		return s.Status(now)
	}
	if t := s.tasks[run]; t != nil {
		return Status{At: now, Parked: []Parked{s.parked(t, now)}}
	}
	return Status{At: now}
}

// Status returns how the scheduler stands. It changes nothing.
func (s *Scheduler) Status(now time.Time) Status {
	status := Status{At: now, Breaker: s.gate.status(), Cursor: s.cursor, Waits: map[Wait]int{}, Parked: []Parked{}, Pauses: []Pause{}}
	status.Pauses = append(status.Pauses, s.Pauses()...)
	if p, held := s.pauses[paused{of: PauseBreaker}]; held {
		status.Breaker.Hold = &p
	}
	for _, class := range []qlik.Class{qlik.ClassReload, qlik.ClassWrite, qlik.ClassRead} {
		status.Quota = append(status.Quota, s.quota[class].status(class, now))
	}
	for _, lane := range s.lanes {
		if lane.holder != nil {
			status.Lanes++
		}
	}
	var room Run
	for _, t := range s.tasks {
		back := t.lend(&room)
		parked := s.parked(t, now)
		back()
		status.Waits[parked.Wait]++
		switch parked.Wait {
		case DoingEnd:
			continue
		case DoingCall, DoingReload:
		default:
			status.Parked = append(status.Parked, parked)
		}
		status.Open++
	}
	slices.SortFunc(status.Parked, func(a, b Parked) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Run, b.Run)) })
	status.Parked = status.Parked[:min(len(status.Parked), mostParked)]
	return status
}

// parked says what a run waits for, or is doing.
func (s *Scheduler) parked(t *task, now time.Time) Parked {
	p := Parked{Run: t.run().ID, Rule: t.run().Rule, Since: t.run().Opened}
	if t.run().State.Ended() {
		p.Wait = DoingEnd
		return p
	}
	i := t.run().current()
	step := &t.run().Steps[i]
	p.App = t.run().Plan.Steps[i].Args.App
	free, why := s.startable(p.App, now)
	starts := t.run().Plan.Steps[i].Action == rules.Reload
	other := s.holderBefore(t)
	switch {
	case t.run().State == RunHeld:
		p.Wait, p.Until = WaitPerson, t.limit()
	case t.out:
		p.Wait = DoingCall
	case !t.run().PausedAt.IsZero():
		p.Wait, p.Cause = WaitPause, t.run().PausedBy
		if pause, still := s.pauseOf(t); still {
			p.Until = pause.Until
		}
	case step.State == StepSubmitted:
		p.Wait = DoingReload
	case t.run().short() && t.queue == nil:
		p.Wait, p.Until, p.Missing = WaitParts, t.run().due(), t.run().Missing()
	case t.run().State == RunGathering && t.queue == nil:
		p.Wait, p.Until = WaitGather, t.run().due()
	case other != nil:
		p.Wait, p.Other = WaitApp, other.run().ID
	case s.gate.closed && s.gate.held:
		p.Wait, p.Until = WaitHeld, s.gate.at
	case s.gate.closed:
		p.Wait, p.Until = WaitBreaker, s.gate.at
	case starts && free.After(now) && free.After(step.NotBefore):
		p.Wait, p.Until = why, free
	case step.NotBefore.After(now):
		p.Wait, p.Until, p.Cause = WaitRetry, step.NotBefore, string(step.Reason)
	default:
		p.Wait = WaitQuota
	}
	return p
}

// holderBefore returns the run that has an app which this one waits for, if any.
func (s *Scheduler) holderBefore(t *task) *task {
	if t.run().Lanes != nil {
		return nil
	}
	for _, app := range t.run().Plan.Apps() {
		if l := s.lanes[app]; l != nil && l.holder != nil && t.queue == &l.waiting {
			return l.holder
		}
	}
	return nil
}

// How a breaker stands when calls to the tenant do not get through.
const (
	breakerOpen = "open" // Qlik does not answer, or an operator holds it open
	breakerHeld = "held" // Qlik refuses us
)

func (g gate) status() BreakerStatus {
	switch {
	case g.manual:
		return BreakerStatus{State: breakerOpen, Since: g.since}
	case g.held:
		return BreakerStatus{State: breakerHeld, Since: g.since, ProbeAt: g.at}
	case g.closed:
		return BreakerStatus{State: breakerOpen, Since: g.since, ProbeAt: g.at}
	}
	return BreakerStatus{State: "closed"}
}

// status counts the slots that are taken, without forgetting any.
func (w *window) status(class qlik.Class, now time.Time) QuotaStatus {
	status := QuotaStatus{Class: class, Calls: w.rate.Calls, Per: w.rate.Per, Used: w.flying}
	var next time.Time
	for i, frees := range w.frees {
		if !frees.After(now) {
			continue
		}
		status.Used += len(w.frees) - i
		next = frees
		break
	}
	if status.Used >= w.rate.Calls {
		status.Next = next
	}
	if w.until.After(now) {
		status.Until, status.Next = w.until, w.until
	}
	return status
}
