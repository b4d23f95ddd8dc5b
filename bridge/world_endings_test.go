package bridge

import (
	"fmt"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// inOrder holds I9 for every call: behind a step that did not succeed come only
// those of on_failure and always.
func (q *tenant) inOrder(command Command) {
	run := q.w.active[command.Run]
	if run == nil || q.w.broken == noFence {
		return
	}
	if command.Step.Turn != rules.InTurn {
		if run.Fate.State == "" || command.Step.Turn == rules.OnFailure && run.Fate.State == RunSucceeded {
			q.w.violated("I9", "step %s has its turn %s though the run's steps ended %q", owner(command), command.Step.Turn, run.Fate.State)
		}
		return
	}
	for i := range command.Index {
		if run.Steps[i].State != StepSucceeded {
			q.w.violated("I9", "step %s is called behind one that is %s", owner(command), run.Steps[i].State)
		}
	}
}

// calls says whether a command asks Qlik anything.
func (c Command) calls() bool { return c.Kind != KindResolve && c.Step.Action != rules.Emit }

// put moves or deletes an app.
func (q *tenant) put(command Command, report *Report) error {
	args := command.Step.Args
	if q.gone[args.App] {
		return &qlik.Error{Status: 404, Sent: true}
	}
	if command.Step.Action == rules.Delete {
		q.gone[args.App] = true
		return nil
	}
	q.places[args.App] = args.Space
	report.Result = Result{AppID: args.App}
	return nil
}

// assert answers by the fate of the moment.
func (q *tenant) assert(command Command) error {
	holds := !q.w.chance(3)
	q.held[owner(command)] = q.held[owner(command)] || holds // a late answer changes nothing
	if !holds {
		return fmt.Errorf("%w is false", rules.ErrUntrue)
	}
	return nil
}

// endings holds that a run whose steps in turn have ended has carried out all that
// is for the end, unless its time was up or somebody canceled it.
func (w *world) endings(run *Run) {
	if run.Fate.State == "" {
		for i := range run.Steps {
			turn := run.Plan.Steps[i].Turn
			if turn == rules.OnFailure && run.Reason == events.ReasonJoinExpired {
				w.violated("I9", "the join of run %s expired and step %d for that had no turn", run.ID, i)
			}
			if (turn == rules.Always || turn == rules.OnFailure && run.State != RunSucceeded) && run.State != RunExpired && run.State != RunCanceled {
				w.violated("I9", "run %s is %s and step %d for that had no turn", run.ID, run.State, i)
			}
		}
		return
	}
	if run.Stopping != "" || !run.Ended.Before(run.limit()) {
		return
	}
	for i := range run.Steps {
		if run.owes(i) {
			w.violated("I9", "run %s ended %s and owes step %d, which is %s", run.ID, run.State, i, run.Steps[i].State)
		}
	}
}

// tellings counts how often the end of a step was told.
func (w *world) tellings(run *Run, i int) int {
	plan, n := run.Plan.Steps[i], 0
	prefix := run.ID + "/" + plan.Name + "/"
	for id, kind := range w.told {
		if !strings.HasPrefix(id, prefix) || kind == events.TypeReloadQueued || kind == events.TypeReloadStarted || kind == events.TypeRunHeld {
			continue
		}
		n++
		if plan.Action == rules.Emit && run.Steps[i].State == StepSucceeded && kind != plan.Args.Type {
			w.violated("I5", "step %d of run %s emitted %s", i, run.ID, kind)
		}
	}
	return n
}
