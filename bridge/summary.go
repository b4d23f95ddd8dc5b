package bridge

import (
	"encoding/binary"
	"slices"
	"time"
	"unique"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A Summary is the little of a run that lists show. It never changes: a run that
// went on has a new one.
type Summary struct {
	ID     string
	Tenant string
	Rule   string
	State  RunState
	Reason events.Reason
	Opened time.Time
	Ended  time.Time
	Causes int
	App    string        // of the current step, or of the last
	Action rules.Action  // of the current step, or of the last
	Steps  int           // in turn, of the plan
	Done   int           // of these, that succeeded
	Began  time.Time     // when Qlik was asked for the reload that runs now
	Usual  time.Duration // how long reloads of that app usually take; 0 = not known

	kept   bool      // among the ended runs
	first  uint64    // journal sequence of its oldest cause
	last   uint64    // and of its newest
	called time.Time // the newest reload call that was counted
}

// summarize makes the summary of a record. Words that many runs share are kept once.
func summarize(run *Run, ended bool) *Summary {
	s := &Summary{
		ID: run.ID, Tenant: once(run.Tenant), Rule: once(run.Rule), State: RunState(once(string(run.State))),
		Reason: events.Reason(once(string(run.Reason))), Opened: run.Opened.UTC(), Ended: run.Ended, Causes: run.Causes.Count,
		kept: ended, last: run.Causes.Last,
	}
	s.first, _ = binary.Uvarint(run.Causes.Delta)
	for i := range run.Steps {
		if i >= len(run.Plan.Steps) || run.Plan.Steps[i].Turn != rules.InTurn {
			continue
		}
		s.Steps++
		if run.Steps[i].State == StepSucceeded {
			s.Done++
		}
	}
	at := run.current()
	if at < 0 {
		at = len(run.Steps) - 1
	}
	if at < 0 || at >= len(run.Plan.Steps) {
		return s
	}
	s.App, s.Action = once(run.Plan.Steps[at].Args.App), rules.Action(once(string(run.Plan.Steps[at].Action)))
	if run.Steps[at].State == StepSubmitted && len(run.Steps[at].Attempts) > 0 {
		s.Began = run.Steps[at].attempt().CalledAt
	}
	return s
}

func once(text string) string { return unique.Make(text).Value() }

func reloads(run *Run, i int) bool {
	return i < len(run.Plan.Steps) && run.Plan.Steps[i].Action == rules.Reload
}

// minutes count calls by the minute, for the last hour.
type minutes struct {
	stamp [60]int64
	calls [60]int
}

func (m *minutes) add(at time.Time) {
	minute := at.Unix() / 60
	slot := minute % 60
	if m.stamp[slot] > minute {
		return // older than an hour
	}
	if m.stamp[slot] < minute {
		m.stamp[slot], m.calls[slot] = minute, 0
	}
	m.calls[slot]++
}

// until returns the calls of each of the 60 minutes up to now, the oldest first.
func (m *minutes) until(now time.Time) []int {
	out := make([]int, 60)
	for i := range out {
		minute := now.Unix()/60 - int64(59-i)
		if slot := minute % 60; m.stamp[slot] == minute {
			out[i] = m.calls[slot]
		}
	}
	return out
}

// lasted keeps how long the newest few reloads of an app took.
type lasted struct {
	took [9]time.Duration
	n    int
}

func (l *lasted) add(took time.Duration) {
	if took > 0 {
		l.took[l.n%len(l.took)] = took
		l.n++
	}
}

// median returns how long such a reload usually takes, 0 when none is known.
func (l *lasted) median() time.Duration {
	known := slices.Clone(l.took[:min(l.n, len(l.took))])
	if len(known) == 0 {
		return 0
	}
	slices.Sort(known)
	return known[len(known)/2]
}
