package bridge

import (
	"slices"
	"time"
)

// nextPoll returns how long to wait before asking Qlik again after a reload that
// has been under way for elapsed, when the app's newest reloads took so long.
//
// The gaps are a quarter of what has passed, so a reload's end is seen within
// max(shortest, 25 %) of its duration and three hours cost fewer than forty polls.
// Where the app's usual duration is known, it is first asked at its soonest end,
// and then in gaps of a twentieth: the end is seen within max(shortest, 5 %) by at
// most eight polls. A reload that ends much sooner than usual is seen at its
// soonest usual end, or at one of the looks before, if it takes long.
func nextPoll(elapsed time.Duration, took []time.Duration, shortest time.Duration) time.Duration {
	soonest, latest, known := usual(took)
	first := soonest + max(shortest, soonest/20)
	switch {
	case !known || elapsed >= latest:
		return max(shortest, elapsed/4)
	case elapsed >= soonest:
		return max(shortest, elapsed/20)
	}
	for look := firstLook; look < first/2; look *= 4 {
		if look > elapsed {
			return look - elapsed
		}
	}
	return first - elapsed
}

// firstLook is when a reload that usually takes long is first asked about, in case
// it has failed; the next looks come after four times as long.
const firstLook = 5 * time.Minute

// usual returns the soonest and the latest end to expect of a reload after those
// before: it is known when the newest five took the same within 15 %. The next may
// go on as they changed, and be 7.5 % off their middle.
func usual(took []time.Duration) (soonest, latest time.Duration, known bool) {
	if len(took) < learnFrom {
		return 0, 0, false
	}
	took = took[len(took)-learnFrom:]
	low, high := slices.Min(took), slices.Max(took)
	spread, middle := high-low, (low+high)/2
	if low <= 0 || spread > low*15/100 {
		return 0, 0, false
	}
	return min(low-spread/3, middle*925/1000), max(high+spread/3, middle*1075/1000), true
}

// nextPoll is when to ask next how a step's reload stands.
func (s *Scheduler) nextPoll(t *task, i int, now time.Time) time.Time {
	return now.Add(nextPoll(now.Sub(t.pursuit().submitted), s.took(t.run().Plan.Steps[i].Args.App), s.limits.Poll))
}

// backoff returns the wait before try number n (from 1): base doubled each time up
// to longest, with full jitter, never under a tenth of it so that tries spread.
func backoff(n int, base, longest time.Duration, jitter float64) time.Duration {
	wait := base
	for i := 1; i < n && wait < longest; i++ {
		wait *= 2
	}
	wait = min(wait, longest)
	return max(wait/10, time.Duration(float64(wait)*jitter))
}
