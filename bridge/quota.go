package bridge

import "time"

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
	limit  int         // most calls under way at once
	flying int         // calls sent and not answered
	frees  []time.Time // when each answered call's slot frees, ascending
	until  time.Time   // Qlik said not before
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

func (w *window) sent() { w.flying++ }

// answered frees the slot one span from now. A call that was never sent gives its
// slot back at once.
func (w *window) answered(now time.Time, wasSent bool) {
	w.flying--
	if wasSent {
		w.add(now)
	}
}

// add records a call answered at a time, as after a take-over. A time in the
// future, as after a step of the clock, counts as now.
func (w *window) add(answered time.Time) {
	frees := answered.Add(w.rate.Per)
	i := len(w.frees)
	for i > 0 && w.frees[i-1].After(frees) {
		i--
	}
	w.frees = append(w.frees, time.Time{})
	copy(w.frees[i+1:], w.frees[i:])
	w.frees[i] = frees
}

// pause keeps the class quiet until a time, as Retry-After asks.
func (w *window) pause(until time.Time) {
	if until.After(w.until) {
		w.until = until
	}
}

func (w *window) expire(now time.Time) {
	latest := now.Add(w.rate.Per)
	for i, frees := range w.frees {
		if frees.After(latest) {
			w.frees[i] = latest
		}
	}
	n := 0
	for n < len(w.frees) && !w.frees[n].After(now) {
		n++
	}
	w.frees = w.frees[n:]
}
