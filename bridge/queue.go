package bridge

import (
	"container/heap"
	"time"
)

// A task is a run in the scheduler's memory, with what it wants next.
type task struct {
	full   *Run    // nil while it is folded; see run
	folded *folded // nil while it is not

	want    Kind    // what the run asks for when its time has come
	out     bool    // a command of it is under way
	touched bool    // changed since it was last saved
	wakeI   int32   // its place in the wake heap, -1 when not in it
	queueI  int32   // its place in the queue it waits in
	rank    instant // its place among the runs that could go on

	chase *pursuit  // nil until it called; see pursuit
	end   *end      // of its reload, once it ended badly
	queue *queue    // the queue it waits in, nil when in none
	wake  time.Time // when to look at it again
}

// A pursuit is what a task knows of the call that it made and of its reload.
type pursuit struct {
	pollAt    time.Time
	misses    int       // reads in a row that failed
	goneSince time.Time // since when Qlik denies to know its reload; zero = it knows it
	graceEnds time.Time // reconcile may conclude "not there" from a listing begun after this
	submitted time.Time // when Qlik took its reload
	sought    time.Time // when it was looked for the published app
	pushed    bool      // Qlik reported its reload to have ended
	wakes     int       // how often it did
	stopped   bool      // Qlik has taken the wish to cancel its reload
	cancelAt  time.Time // when to ask Qlik to cancel it
	stopBy    time.Time // when a run being stopped waits no longer
}

// pursuit returns what the task knows of its call, to be read and changed.
func (t *task) pursuit() *pursuit {
	if t.chase == nil {
		t.chase = &pursuit{}
	}
	return t.chase
}

// wakes orders tasks by the time at which to look at them again.
type wakes []*task

func (w wakes) Len() int           { return len(w) }
func (w wakes) Less(i, j int) bool { return w[i].wake.Before(w[j].wake) }
func (w wakes) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].wakeI, w[j].wakeI = int32(i), int32(j)
}
func (w *wakes) Push(x any) {
	t := x.(*task)
	t.wakeI = int32(len(*w))
	*w = append(*w, t)
}
func (w *wakes) Pop() any {
	old := *w
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	t.wakeI = -1
	return t
}

// set moves a task to a new time.
func (w *wakes) set(t *task, at time.Time) {
	t.wake = at
	if t.wakeI < 0 {
		heap.Push(w, t)
		return
	}
	heap.Fix(w, int(t.wakeI))
}

func (w *wakes) remove(t *task) {
	if t.wakeI >= 0 {
		heap.Remove(w, int(t.wakeI))
	}
}

// A queue holds runs that could go on now, in the order in which they may. See rank.
type queue []*task

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if a, b := q[i].rank, q[j].rank; a != b {
		return a < b
	}
	return q[i].id() < q[j].id()
}
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].queueI, q[j].queueI = int32(i), int32(j)
}
func (q *queue) Push(x any) {
	t := x.(*task)
	t.queueI = int32(len(*q))
	*q = append(*q, t)
}
func (q *queue) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return t
}

// enter puts a task into a queue, out of the one it waited in.
func (q *queue) enter(t *task) {
	t.leave()
	t.queue = q
	heap.Push(q, t)
}

// leave takes a task out of the queue it waits in.
func (t *task) leave() {
	if t.queue != nil {
		heap.Remove(t.queue, int(t.queueI))
		t.queue = nil
	}
}
