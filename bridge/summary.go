package bridge

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
	"unique"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A Summary is the little of a run that lists show.
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

	kept bool // among the ended runs
}

// An indexed run is what an Index keeps of a run: its Summary in as little memory as
// that takes. It never changes: a run that went on has a new one.
type indexed struct {
	id                   string
	app                  unique.Handle[string]
	label                unique.Handle[label]
	opened, ended, began instant
	called               instant // the newest reload call that was counted
	first, last          uint64  // journal sequences of its oldest cause and of its newest
	causes               int32
	steps, done          int32
	kept                 bool // among the ended runs
}

// A label is the words that many runs share.
type label struct{ tenant, rule, state, reason, action unique.Handle[string] }

// An instant is a time in nanoseconds since 1970; 0 = none.
type instant int64

func instantOf(t time.Time) instant {
	if t.IsZero() {
		return 0
	}
	return instant(t.UnixNano())
}

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i)).UTC()
}

// summary returns what lists show of the run.
func (x *indexed) summary() Summary {
	of := x.label.Value()
	return Summary{
		ID: x.id, Tenant: of.tenant.Value(), Rule: of.rule.Value(), State: RunState(of.state.Value()), Reason: events.Reason(of.reason.Value()),
		Opened: x.opened.time(), Ended: x.ended.time(), Causes: int(x.causes), App: x.app.Value(), Action: rules.Action(of.action.Value()),
		Steps: int(x.steps), Done: int(x.done), Began: x.began.time(), kept: x.kept,
	}
}

// index makes what an Index keeps of a record.
func index(run *Run, ended bool) *indexed {
	app, action := "", ""
	at := run.current()
	if at < 0 {
		at = len(run.Steps) - 1
	}
	planned := 0 <= at && at < len(run.Plan.Steps)
	if planned {
		app, action = run.Plan.Steps[at].Args.App, string(run.Plan.Steps[at].Action)
	}
	x := &indexed{
		id: run.ID, app: unique.Make(app), label: unique.Make(label{
			tenant: unique.Make(run.Tenant), rule: unique.Make(run.Rule), state: unique.Make(string(run.State)),
			reason: unique.Make(string(run.Reason)), action: unique.Make(action),
		}),
		opened: instantOf(run.Opened), ended: instantOf(run.Ended),
		causes: int32(min(run.Causes.Count, math.MaxInt32)), kept: ended, last: run.Causes.Last, //nolint:gosec // bounded
	}
	x.first, _ = binary.Uvarint(run.Causes.Delta)
	for i := range run.Steps {
		if i >= len(run.Plan.Steps) || run.Plan.Steps[i].Turn != rules.InTurn {
			continue
		}
		x.steps++
		if run.Steps[i].State == StepSucceeded {
			x.done++
		}
	}
	if planned && run.Steps[at].State == StepSubmitted && len(run.Steps[at].Attempts) > 0 {
		x.began = instantOf(run.Steps[at].attempt().CalledAt)
	}
	return x
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
