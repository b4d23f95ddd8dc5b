package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/events"
)

// A gate stops every call but the probe, while the tenant does not answer (the
// breaker is open) or refuses us (the tenant is held). Nothing is failed, nothing
// is lost, and timers go on.
type gate struct {
	closed  bool
	held    bool      // refused, not unanswered
	manual  bool      // an operator holds it: not even a probe is let through
	trial   bool      // an operator let go of it: the probe decides
	at      time.Time // of the next probe
	probing bool
	since   time.Time
}

// Breaker tells the scheduler how the tenant's circuit breaker stands: open until
// a probe may be made at a time, or closed.
func (s *Scheduler) Breaker(now time.Time, open bool, probeAt time.Time, cause Verdict) {
	switch {
	case s.gate.manual:
	case open && !s.gate.closed:
		s.gate = gate{closed: true, at: probeAt, since: now}
		s.tellTenant(events.TypeBreakerOpened, now, s.gate, cause)
	case open && !s.gate.held:
		s.gate.at = probeAt
	case !open && s.gate.closed && !s.gate.held && !s.gate.trial:
		s.openGate(now)
	}
}

// Hold stops all calls of a tenant that refuses us.
func (s *Scheduler) Hold(now time.Time, cause Verdict) {
	if s.gate.closed {
		return
	}
	s.gate = gate{closed: true, held: true, at: now.Add(s.limits.Probe), since: now}
	s.tellTenant(events.TypeTenantHeld, now, s.gate, cause)
}

func (s *Scheduler) openGate(now time.Time) {
	was := s.gate
	s.gate = gate{}
	if was.held {
		s.tellTenant(events.TypeTenantReleased, now, was, Verdict{})
	}
	if !was.held || was.trial {
		s.tellTenant(events.TypeBreakerClosed, now, was, Verdict{})
	}
}

// holdGate closes the gate for as long as an operator wants it.
func (s *Scheduler) holdGate(now time.Time, p Pause) {
	if !s.gate.closed {
		s.gate = gate{closed: true, since: now}
	}
	s.gate.manual, s.gate.trial = true, false
	s.tellTenant(events.TypeBreakerOpened, now, gate{since: p.Since, at: p.Until}, Verdict{Reason: events.ReasonByHand, Text: p.Reason})
}

// releaseGate lets the probe decide whether the gate opens.
func (s *Scheduler) releaseGate(now time.Time) {
	s.gate.manual, s.gate.trial, s.gate.at = false, true, now
}

// probe asks for the one call that a closed gate lets through.
func (s *Scheduler) probe(now, again time.Time) (Command, time.Time) {
	switch {
	case s.gate.manual, s.gate.probing:
		return Command{}, again
	case s.gate.at.After(now):
		return Command{}, earlier(again, s.gate.at)
	}
	s.gate.probing = true
	return Command{Kind: KindProbe, At: now}, now
}

// probed takes in the answer to a probe. The breaker's own state comes by Breaker.
func (s *Scheduler) probed(now time.Time, report Report) {
	s.gate.probing = false
	switch {
	case !s.gate.closed, s.gate.manual:
	case report.Verdict.Kind == VerdictDone, s.gate.trial && !s.gate.held && report.Verdict.Kind == VerdictFail:
		s.openGate(now) // it answers, if only with a no
	case s.gate.held:
		s.gate.at = now.Add(s.limits.Probe)
	case report.Verdict.Kind == VerdictHold:
		s.gate.held, s.gate.at = true, now.Add(s.limits.Probe)
		s.tellTenant(events.TypeTenantHeld, now, s.gate, report.Verdict)
	case s.gate.trial:
		s.gate.at = now.Add(max(report.Verdict.After, waitCap))
	default:
		s.gate.at = now.Add(max(report.Verdict.After, waitShort))
	}
}
