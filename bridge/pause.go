package bridge

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/events"
)

// A PauseKind says what a Pause is for.
type PauseKind string

// What can be paused. A paused tenant, app or rule begins no step: triggers gather,
// and what is under way is watched to its end. A breaker that is held open lets no
// call through at all, not even a probe.
const (
	PauseTenant  PauseKind = "tenant"
	PauseApp     PauseKind = "app"
	PauseRule    PauseKind = "rule"
	PauseBreaker PauseKind = "breaker"
)

// A Pause is an operator's word that something begins no work until it is resumed.
// It is in the ledger, so it survives restart and take-over.
type Pause struct {
	Of     PauseKind `json:"of"`
	Name   string    `json:"name,omitempty"`   // of the rule, or the app's id
	Reason string    `json:"reason,omitempty"` // why, in the operator's words
	By     string    `json:"by,omitempty"`     // who asked for it
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // when it ends by itself; zero = when somebody resumes it
}

// A paused is what a pause is for.
type paused struct {
	of   PauseKind
	name string
}

func (p Pause) key() paused { return paused{p.Of, p.Name} }

// Words says what is paused and why.
func (p Pause) Words() string {
	words := string(p.Of)
	if p.Name != "" {
		words += " " + p.Name
	}
	if p.Reason != "" {
		words += ": " + p.Reason
	}
	return words
}

// longestPauseReason bounds the reason of a pause, in bytes: it is in the record of
// every run that waits for its end.
const longestPauseReason = 300

const (
	mostPauses   = 500 // in force: all of them are one record
	longestNamed = 256 // bytes of what an order names, and of who gives it
)

// check says what is wrong with a pause that is asked for at a time.
func (p Pause) check(now time.Time) error {
	named := p.Of == PauseApp || p.Of == PauseRule
	switch {
	case !named && p.Of != PauseTenant && p.Of != PauseBreaker:
		return fmt.Errorf("%w: this gateway cannot pause a %q", ErrRefused, p.Of)
	case named != (p.Name != ""):
		return fmt.Errorf("%w: an app or rule is paused by its name, a tenant or breaker without one", ErrRefused)
	case len(p.Name) > longestNamed || len(p.By) > longestNamed:
		return fmt.Errorf("%w: what is paused, or by whom, is longer than %d bytes", ErrRefused, longestNamed)
	case len(p.Reason) > longestPauseReason:
		return fmt.Errorf("%w: the reason is longer than %d bytes", ErrRefused, longestPauseReason)
	case !p.Until.IsZero() && !p.Until.After(now):
		return fmt.Errorf("%w: the pause would end before it begins, at %s", ErrRefused, p.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Pause puts a pause in force, in place of an earlier one for the same thing. Its
// errors wrap ErrRefused.
func (s *Scheduler) Pause(now time.Time, p Pause) error {
	if err := p.check(now); err != nil {
		return err
	}
	p.Since = now
	if before, again := s.pauses[p.key()]; again {
		p.Since = before.Since
	} else if len(s.pauses) >= mostPauses {
		return fmt.Errorf("%w: %d pauses are in force; pause the tenant instead", ErrRefused, len(s.pauses))
	}
	s.pauses[p.key()], s.repaused = p, true
	if p.Of == PauseBreaker {
		s.holdGate(now, p)
		return nil
	}
	s.tellPause(p, pauseTypes()[p.Of].begun, now)
	s.considerAll(now)
	return nil
}

// Resume ends a pause. A breaker that is no longer held open lets the probe decide;
// a tenant that refuses us is asked at once. Its errors wrap ErrRefused.
func (s *Scheduler) Resume(now time.Time, of PauseKind, name string) error {
	p, known := s.pauses[paused{of, name}]
	switch {
	case known:
		s.unpause(now, p)
		s.considerAll(now)
	case of != PauseBreaker:
		return fmt.Errorf("%w: %s is not paused", ErrRefused, Pause{Of: of, Name: name}.Words())
	case s.gate.held:
		s.gate.at = now
	case s.gate.closed:
		return fmt.Errorf("%w: nobody holds the breaker open; it asks Qlik again at %s and closes when that answers",
			ErrRefused, s.gate.at.UTC().Format(time.RFC3339))
	default:
		return fmt.Errorf("%w: the breaker is closed", ErrRefused)
	}
	return nil
}

// adoptPauses puts the pauses of the ledger in force.
func (s *Scheduler) adoptPauses(held []Pause) {
	for _, p := range held {
		s.pauses[p.key()] = p
		if p.Of == PauseBreaker {
			s.gate = gate{closed: true, manual: true, since: p.Since}
		}
	}
}

// unpause takes a pause out of force. The caller considers the runs it kept.
func (s *Scheduler) unpause(now time.Time, p Pause) {
	delete(s.pauses, p.key())
	s.repaused = true
	if p.Of == PauseBreaker {
		s.releaseGate(now)
		return
	}
	s.tellPause(p, pauseTypes()[p.Of].ended, now)
}

// lift ends the pauses whose time is up, and returns when the next one is; zero
// means that none will be.
func (s *Scheduler) lift(now time.Time) (next time.Time) {
	lifted := false
	for _, p := range s.Pauses() {
		switch {
		case p.Until.IsZero():
		case p.Until.After(now):
			next = earlier(next, p.Until)
		default:
			s.unpause(now, p)
			lifted = true
		}
	}
	if lifted {
		s.considerAll(now)
	}
	return next
}

// Pauses returns the pauses in force, in order.
func (s *Scheduler) Pauses() []Pause {
	if len(s.pauses) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Values(s.pauses), func(a, b Pause) int {
		return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Name, b.Name))
	})
}

// PausesChanged returns the pauses in force, and whether they changed since it was
// last asked.
func (s *Scheduler) PausesChanged() ([]Pause, bool) {
	changed := s.repaused
	s.repaused = false
	if !changed {
		return nil, false
	}
	return s.Pauses(), true
}

// pauseOf returns the pause that keeps a run from beginning its next step, if any.
func (s *Scheduler) pauseOf(t *task) (Pause, bool) {
	run := t.run()
	switch {
	case len(s.pauses) == 0 || run.Stopping != "" || run.State == RunHeld || run.State.Ended():
		return Pause{}, false
	case run.Steps[run.current()].State != StepWaiting, run.lapses(): // a join that is short ends at its time
		return Pause{}, false
	}
	keys := []paused{{PauseTenant, ""}, {PauseRule, run.Rule}}
	for _, app := range t.run().Plan.Apps() {
		keys = append(keys, paused{PauseApp, app})
	}
	for _, key := range keys {
		if p, known := s.pauses[key]; known {
			return p, true
		}
	}
	return Pause{}, false
}

// park keeps a run that is paused from beginning anything, and says whether it is.
// Its deadline does not come nearer meanwhile.
func (s *Scheduler) park(t *task, now time.Time) bool {
	p, parked := s.pauseOf(t)
	run := t.run()
	if !parked {
		if !run.PausedAt.IsZero() {
			run.PausedFor += max(0, now.Sub(run.PausedAt))
			run.PausedAt, run.PausedBy = time.Time{}, ""
			s.touch(t)
		}
		return false
	}
	if words := p.Words(); run.PausedBy != words || run.PausedAt.IsZero() {
		run.PausedAt, run.PausedBy = cmp.Or(run.PausedAt, now), words
		s.touch(t)
	}
	s.withdraw(t)
	s.wakes.remove(t)
	t.want = KindNone
	return true
}

// considerAll looks at every run again.
func (s *Scheduler) considerAll(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		s.consider(s.tasks[id], now)
	}
}

// errNoPause is wrong with an order to pause that does not say what.
var errNoPause = errors.New("the order does not say what to pause")

func (s *Scheduler) obeyPause(now time.Time, order Order) error {
	switch {
	case order.Pause == nil:
		return fmt.Errorf("%w: %w", ErrRefused, errNoPause)
	case order.Op == OpResume:
		return s.Resume(now, order.Pause.Of, order.Pause.Name)
	}
	return s.Pause(now, *order.Pause)
}

// A pauseType names the events that tell of a kind of pause.
type pauseType struct{ begun, ended string }

func pauseTypes() map[PauseKind]pauseType {
	return map[PauseKind]pauseType{
		PauseTenant: {events.TypeTenantPaused, events.TypeTenantResumed},
		PauseApp:    {events.TypeAppPaused, events.TypeAppResumed},
		PauseRule:   {events.TypeRulePaused, events.TypeRuleResumed},
	}
}

// tellPause puts a pause or its end into the tenant's outbox.
func (s *Scheduler) tellPause(p Pause, kind string, now time.Time) {
	data := events.PauseData{Tenant: s.names.Tenant, Note: p.Reason, By: p.By, Since: p.Since, Until: p.Until}
	head := events.Head{Type: kind, Key: p.Name, Subject: "tenants/" + s.names.Tenant, Time: now}
	switch p.Of {
	case PauseApp:
		data.App, head.Subject = s.app(p.Name, ""), "apps/"+p.Name
	case PauseRule:
		data.Rule, head.Rule, head.Subject = p.Name, p.Name, "rules/"+p.Name
	}
	s.tell(head, data)
}
