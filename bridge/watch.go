package bridge

import "time"

// nextPoll returns how long to wait before asking Qlik again after a reload that
// has been under way for elapsed. The gaps are a quarter of what has passed, so
// a reload's end is seen within max(shortest, 25 %) of its duration and three
// hours cost fewer than forty polls.
func nextPoll(elapsed, shortest time.Duration) time.Duration {
	return max(shortest, elapsed/4)
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
