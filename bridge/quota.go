package bridge

import (
	"slices"
	"time"
)

// A Rate is how many calls Qlik allows in any span of Per.
type Rate struct {
	Calls int
	Per   time.Duration
}

// A window keeps one quota exactly: never more than Rate.Calls calls in any span
// of Rate.Per, and never fewer while there is work. Qlik counts a call somewhere
// between its sending and its answer, so a slot is taken from the sending until
// one span after the answer.
type window struct {
	rate   Rate
	limit  int           // most calls under way at once
	grace  time.Duration // a call may reach Qlik so long after its answer was given up
	late   time.Duration // or after a take-over, when a predecessor was about to make it
	flying int           // calls sent and not answered
	frees  []time.Time   // when each answered call's slot frees, ascending
	until  time.Time     // Qlik said not before
}

// next returns the first time at which a call may be sent; a time not after now
// means at once. ok is false when that depends on an answer still to come.
func (w *window) next(now time.Time) (at time.Time, ok bool) {
	w.expire(now)
	if w.flying >= w.limit || w.flying >= w.rate.Calls {
		return time.Time{}, false
	}
	at = now
	if taken := w.flying + len(w.frees); taken >= w.rate.Calls {
		at = w.frees[taken-w.rate.Calls]
	}
	if w.until.After(at) {
		at = w.until
	}
	return at, true
}

// spare is next for a call that leaves half of the quota to others.
func (w *window) spare(now time.Time) (at time.Time, ok bool) {
	at, ok = w.next(now)
	if over := w.flying + len(w.frees) - max(1, w.rate.Calls/2); ok && over >= 0 {
		if over >= len(w.frees) {
			return time.Time{}, false
		}
		if frees := w.frees[over]; frees.After(at) {
			at = frees
		}
	}
	return at, ok
}

func (w *window) sent() { w.flying++ }

// answered frees the slot one span from now, or later when the call may yet reach
// Qlik. A call that was never sent gives its slot back at once.
func (w *window) answered(now time.Time, wasSent, unanswered bool) {
	w.flying--
	switch {
	case wasSent && unanswered:
		w.add(now.Add(w.grace))
	case wasSent:
		w.add(now)
	}
}

// add records a call answered at a time, as after a take-over. A time too far in
// the future, as after a step of the clock, is corrected by expire.
func (w *window) add(answered time.Time) {
	frees := answered.Add(w.rate.Per)
	i := len(w.frees)
	for i > 0 && w.frees[i-1].After(frees) {
		i--
	}
	w.frees = slices.Insert(w.frees, i, frees)
}

// pause keeps the class quiet until a time, as Retry-After asks.
func (w *window) pause(until time.Time) {
	if until.After(w.until) {
		w.until = until
	}
}

// expire forgets what has left the window. A slot that would free later than one
// of a call sent now was recorded by a clock that has stepped back since.
func (w *window) expire(now time.Time) {
	latest := now.Add(max(w.grace, w.late) + w.rate.Per)
	for i := len(w.frees) - 1; i >= 0 && w.frees[i].After(latest); i-- {
		w.frees[i] = latest
	}
	n := 0
	for n < len(w.frees) && !w.frees[n].After(now) {
		n++
	}
	w.frees = w.frees[n:]
}
