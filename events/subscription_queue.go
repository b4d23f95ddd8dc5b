package events

import (
	"slices"
	"time"
)

// A queue holds what a subscription has not been told yet: a lane for each app or
// run, in which one waits for the one before it. It is pure: it knows no clock.
type queue struct {
	lanes map[string]*lane
	size  int
}

// A lane is what waits for one key, by its sequence on the stream of outcomes.
type lane struct {
	key      string
	waiting  []uint64
	busy     bool      // the first of them is being delivered
	due      time.Time // when it may be tried again
	attempts int       // to deliver the first of them, since the last start
}

func newQueue() *queue { return &queue{lanes: map[string]*lane{}} }

// add puts an outcome at the end of its lane.
func (q *queue) add(key string, sequence uint64) {
	l := q.lanes[key]
	if l == nil {
		l = &lane{key: key}
		q.lanes[key] = l
	}
	l.waiting = append(l.waiting, sequence)
	q.size++
}

// take returns the lane whose first outcome is the oldest of those that are due,
// and marks it busy; nil when there is none.
func (q *queue) take(now time.Time) *lane {
	var oldest *lane
	for _, l := range q.lanes {
		if !l.busy && !l.due.After(now) && (oldest == nil || l.waiting[0] < oldest.waiting[0]) {
			oldest = l
		}
	}
	if oldest != nil {
		oldest.busy = true
		oldest.attempts++
	}
	return oldest
}

// wake returns when the next lane is due, false when none waits for its time.
func (q *queue) wake() (time.Time, bool) {
	var next time.Time
	found := false
	for _, l := range q.lanes {
		if !l.busy && (!found || l.due.Before(next)) {
			next, found = l.due, true
		}
	}
	return next, found
}

// A pick is what one delivery takes of a lane: its first outcomes.
type pick struct {
	lane *lane
	n    int
}

// takeSome takes lanes until there are so many outcomes, or none is due.
func (q *queue) takeSome(now time.Time, most int) []pick {
	var picks []pick
	for most > 0 {
		l := q.take(now)
		if l == nil {
			break
		}
		n := min(len(l.waiting), most)
		picks, most = append(picks, pick{l, n}), most-n
	}
	return picks
}

// giveBack lets go of a lane that was taken and not used.
func (q *queue) giveBack(l *lane) {
	l.busy = false
	l.attempts--
}

// done removes the first outcomes of a lane.
func (q *queue) done(l *lane, n int) {
	l.busy, l.attempts, l.due = false, 0, time.Time{}
	l.waiting = l.waiting[n:]
	q.size -= n
	if len(l.waiting) == 0 {
		delete(q.lanes, l.key)
	}
}

// again puts the first outcome of a lane off.
func (q *queue) again(l *lane, due time.Time) { l.busy, l.due = false, due }

// hurry makes everything due that waits for its time.
func (q *queue) hurry() {
	for _, l := range q.lanes {
		l.due = time.Time{}
	}
}

// below removes what is below a sequence, in lanes of which nothing is being
// delivered, and returns it in order.
func (q *queue) below(sequence uint64) []uint64 {
	var removed []uint64
	for key, l := range q.lanes {
		if l.busy {
			continue
		}
		keep := 0
		for keep < len(l.waiting) && l.waiting[keep] < sequence {
			keep++
		}
		removed = append(removed, l.waiting[:keep]...)
		l.waiting = slices.Delete(l.waiting, 0, keep)
		if len(l.waiting) == 0 {
			delete(q.lanes, key)
		} else if keep > 0 {
			l.attempts, l.due = 0, time.Time{}
		}
	}
	q.size -= len(removed)
	slices.Sort(removed)
	return removed
}

// sequences returns everything in the queue, in order.
func (q *queue) sequences() []uint64 {
	all := make([]uint64, 0, q.size)
	for _, l := range q.lanes {
		all = append(all, l.waiting...)
	}
	slices.Sort(all)
	return all
}
