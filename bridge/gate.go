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
	at      time.Time // of the next probe
	probing bool
	since   time.Time
}

// Breaker tells the scheduler how the tenant's circuit breaker stands: open until
// a probe may be made at a time, or closed.
func (s *Scheduler) Breaker(now time.Time, open bool, probeAt time.Time, cause Verdict) {
	switch {
	case open && !s.gate.closed:
		s.gate = gate{closed: true, at: probeAt, since: now}
		s.tellTenant(events.TypeBreakerOpened, now, s.gate, cause)
	case open && !s.gate.held:
		s.gate.at = probeAt
	case !open && s.gate.closed && !s.gate.held:
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
	kind := events.TypeBreakerClosed
	if was.held {
		kind = events.TypeTenantReleased
	}
	s.tellTenant(kind, now, was, Verdict{})
}

// probe asks for the one call that a closed gate lets through.
func (s *Scheduler) probe(now, again time.Time) (Command, time.Time) {
	switch {
	case s.gate.probing:
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
	case !s.gate.closed:
	case report.Verdict.Kind == VerdictDone:
		s.openGate(now)
	case s.gate.held:
		s.gate.at = now.Add(s.limits.Probe)
	default:
		s.gate.at = now.Add(max(report.Verdict.After, waitShort))
	}
}
