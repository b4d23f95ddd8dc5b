package bridge

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"time"
	"unique"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// manyRuns is how many runs a scheduler knows at least before it folds any.
const manyRuns = 1000

// A folded run is one of one event that has not called anything, in as little memory
// as that takes: an eighth of what a Run takes.
type folded struct {
	id                         string
	plan                       *rules.Plan
	event, trace               string
	source                     unique.Handle[string] // many runs share it; the zero one = none
	opened                     instant
	sequence, revision, cursor uint64
	hops                       int32
	ready                      bool // or else it is gathering
	of                         *spread
}

// fold returns the run folded, or nil where it holds more than a folded run can.
func (r *Run) fold() *folded {
	c := &r.Causes
	ready := r.State == RunReady
	if !ready && r.State != RunGathering || c.Count != 1 || len(c.Head) != 1 || len(c.Sources) > 1 || r.Newest != r.Opened ||
		r.Schema != recordSchema || r.Tenant != r.Plan.Tenant || r.Rule != r.Plan.Rule || len(r.Steps) != len(r.Plan.Steps) {
		return nil
	}
	f := &folded{
		id: r.ID, plan: r.Plan, event: c.Head[0], trace: r.Trace, opened: instantOf(r.Opened),
		sequence: c.Last, revision: r.Revision, cursor: r.Cursor, hops: int32(r.Hops), ready: ready, //nolint:gosec // no longer than the longest chain
	}
	if len(c.Sources) == 1 {
		f.source = unique.Make(c.Sources[0])
	}
	if len(c.Sources) == 0 && c.Sources != nil || !bytes.Equal(c.Delta, f.delta()) {
		return nil
	}
	for _, step := range r.Steps {
		if step.State != StepWaiting {
			return nil
		}
		step.State = ""
		if !reflect.ValueOf(&step).Elem().IsZero() {
			return nil
		}
	}
	rest := *r
	rest.Schema, rest.ID, rest.Tenant, rest.Rule, rest.Revision, rest.State, rest.Plan, rest.Steps = 0, "", "", "", 0, "", nil, nil
	rest.Opened, rest.Newest, rest.Trace, rest.Cursor, rest.Hops = time.Time{}, time.Time{}, "", 0, 0
	rest.Causes.Count, rest.Causes.Last, rest.Causes.Delta, rest.Causes.Head, rest.Causes.Sources = 0, 0, nil, nil, nil
	if !reflect.ValueOf(&rest).Elem().IsZero() {
		return nil
	}
	return f
}

func (f *folded) delta() []byte { return binary.AppendUvarint(nil, f.sequence) }

// unfold puts the run into a record, as it was.
func (f *folded) unfold(into *Run) *Run {
	steps := into.Steps[:0]
	*into = Run{
		Schema: recordSchema, ID: f.id, Tenant: f.plan.Tenant, Rule: f.plan.Rule, Revision: f.revision, State: RunGathering, Plan: f.plan,
		Causes: Causes{Count: 1, Last: f.sequence, Delta: f.delta(), Head: []string{f.event}},
		Opened: f.opened.time(), Newest: f.opened.time(), Trace: f.trace, Cursor: f.cursor, Hops: int(f.hops),
	}
	if f.ready {
		into.State = RunReady
	}
	if f.source != (unique.Handle[string]{}) {
		into.Causes.Sources = []string{f.source.Value()}
	}
	if cap(steps) < len(f.plan.Steps) {
		steps = make([]StepRecord, 0, len(f.plan.Steps))
	}
	into.Steps = steps[:len(f.plan.Steps)]
	for i := range into.Steps {
		into.Steps[i] = StepRecord{State: StepWaiting}
	}
	return into
}

// run returns the task's run, to be read and changed until Touched is called.
func (t *task) run() *Run {
	if t.full == nil {
		t.full = t.folded.unfold(&Run{})
		t.folded.of.add(t)
		t.folded = nil
	}
	return t.full
}

// id returns the id of the task's run.
func (t *task) id() string {
	if t.full == nil {
		return t.folded.id
	}
	return t.full.ID
}

// lend has run return a folded run in the given room, to be read until back is called.
func (t *task) lend(room *Run) (back func()) {
	if t.full != nil {
		return func() {}
	}
	t.full = t.folded.unfold(room)
	return func() { t.full = nil }
}

// A spread is the tasks whose runs may be folded.
type spread struct {
	tasks []*task
	few   bool // runs are folded however few they are; for tests
}

func (s *spread) add(t *task) { s.tasks = append(s.tasks, t) }

// fold folds what can be folded once there are many runs. Nobody may hold one of
// these records to change it.
func (s *spread) fold(runs int) {
	if runs >= manyRuns || s.few {
		for _, t := range s.tasks {
			if t.full == nil || t.touched || t.out || t.chase != nil || t.end != nil {
				continue
			}
			if t.folded = t.full.fold(); t.folded != nil {
				t.folded.of, t.full = s, nil
			}
		}
	}
	clear(s.tasks)
	s.tasks = s.tasks[:0]
}
