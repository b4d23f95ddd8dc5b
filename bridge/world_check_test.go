package bridge

import (
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// invariants hold after every step of a history.
func (w *world) invariants() {
	s := w.live.s
	for id, task := range s.tasks {
		run := task.run()
		if run.State.Ended() {
			continue
		}
		for i := range run.Steps {
			if counted := run.Steps[i].Counted; counted > run.Plan.Retry.Attempts {
				w.violated("I6", "step %d of run %s was tried %d times, its policy allows %d", i, id, counted, run.Plan.Retry.Attempts)
			}
		}
		if !task.out && task.wakeI < 0 && !w.pausedTask(task) {
			w.violated("I6", "run %s in %s has no next wake-up", id, run.State)
		}
	}
	for app, lane := range s.lanes {
		switch {
		case lane.holder != nil && lane.holder.run().State.Ended():
			w.violated("I3", "the lane of %s is held by run %s, which has ended", app, lane.holder.run().ID)
		case lane.holder == nil && len(lane.waiting) > 0 && !s.barred(lane, lane.waiting[0]) && !w.offered(app):
			w.violated("I6", "run %s waits in the free lane of %s and is not offered it", lane.waiting[0].run().ID, app)
		}
	}
	for class, window := range s.quota {
		if window.flying < 0 || window.flying > len(w.live.flying) {
			w.violated("I4", "%d calls of %s are counted as under way", window.flying, class)
		}
	}
}

// offered says whether a run that may take an app's lane has its turn.
func (w *world) offered(app string) bool {
	for _, queue := range w.live.s.queues {
		for _, task := range *queue {
			if task.run().Lanes == nil && slices.Contains(task.run().Plan.Apps(), app) {
				return true
			}
		}
	}
	return false
}

// settle lets everything end once faults have stopped.
func (w *world) settle() {
	w.calm = true
	w.tenant.down, w.tenant.locked = false, false
	for _, p := range w.live.s.Pauses() {
		_ = w.live.s.Resume(w.live.now(), p.Of, p.Name)
	}
	w.live.pump()
	for _, p := range slices.Clone(w.old) {
		p.pump()
	}
	w.crash()
	for range 5000 {
		w.live.pump()
		if n := len(w.live.flying); n > 0 {
			w.live.act(w.live.flying[0])
			w.invariants()
			continue
		}
		if len(w.live.s.tasks) == 0 && len(w.live.s.foreign.waiting) == 0 {
			return
		}
		if _, again := w.live.s.Next(w.live.now()); again.After(w.live.now()) {
			w.pass(again.Sub(w.live.now()))
		}
	}
	for id, task := range w.live.s.tasks {
		w.violated("I6", "run %s does not end though faults have stopped: it is %s and wants %q", id, task.run().State, task.want)
	}
}

// reckon holds I1 and I5 at the end: every event is a cause of one run, and every
// run was told as what it is.
func (w *world) reckon() {
	causes := map[uint64]int{}
	for _, run := range w.ended {
		var waiting []events.Callback
		for _, sequence := range run.Causes.Sequences() {
			causes[sequence]++
			if callback := w.journal[sequence-1].cause.Callback; callback != nil {
				waiting = append(waiting, *callback)
			}
		}
		if !slices.Equal(waiting, run.Callbacks) {
			w.violated("I5", "run %s calls back %v, its causes ask for %v", run.ID, run.Callbacks, waiting)
		}
		want := events.TypePrefix + "run." + string(run.State)
		if told := w.told[run.ID+"/run."+string(run.State)]; told != want {
			w.violated("I5", "run %s is %s and was told as %q", run.ID, run.State, told)
		}
		w.steps(run)
		w.joins(run)
		w.endings(run)
	}
	for id := range w.holds {
		if w.told[id] != events.TypeRunHeld {
			w.violated("I5", "hold %s was told as %q", id, w.told[id])
		}
	}
	for _, entry := range w.journal {
		if entry.foreign != "" {
			w.foreigner(entry.foreign)
			continue
		}
		if n := causes[entry.cause.Sequence]; n != 1 {
			w.violated("I1", "event %d is a cause of %d runs", entry.cause.Sequence, n)
		}
	}
	if len(w.active) > 0 {
		w.violated("I1", "%d runs stay active in the ledger", len(w.active))
	}
}

// foreigner holds that the end of a reload is told if nobody of ours started it, and
// only then.
func (w *world) foreigner(id string) {
	told, how := w.told["acme/reloads/"+id]
	for _, r := range w.tenant.reloads {
		if r.ID != id || r.gone || w.tenant.refused[id] {
			continue
		}
		stranger := r.owner == "" && (r.Type != qlik.TypeExternal || r.UserID != "us")
		if how != stranger {
			w.violated("I5", "reload %s of %s by %s was told as %q", id, r.Type, r.UserID, told)
		}
	}
}

// steps holds that every step that ended after a call was told, and so was every
// reload before that was started again.
func (w *world) steps(run *Run) {
	for i := range run.Steps {
		step := &run.Steps[i]
		if !step.State.Ended() {
			if run.State == RunSucceeded && run.Plan.Steps[i].Turn != rules.OnFailure {
				w.violated("I9", "run %s succeeded with a step that is %s", run.ID, step.State)
			}
			continue
		}
		if step.State == StepCanceled && step.Reason != events.ReasonReloadCanceled {
			continue // it was not under way
		}
		if !w.jumped && step.Reason == events.ReasonNotFound && strings.HasPrefix(run.Plan.Steps[i].Args.App, "made-") && run.Plan.Steps[i].Action != rules.Delete {
			w.violated("young", "step %d of run %s failed, since Qlik did not know yet what the run had made", i, run.ID)
		}
		want := 1 + step.restarted()
		if n := w.tellings(run, i); n < want || n > want && w.restored.At.IsZero() { // what a backup did not hold is told again
			w.violated("I5", "step %d of run %s is %s and was told %d times, want %d", i, run.ID, step.State, n, want)
		}
	}
}

// over says whether a run was given up with its reload perhaps still running: at
// its deadline, canceled, or by a person's word.
func (w *world) over(id string) bool {
	run := w.active[id]
	if run == nil {
		run = w.recent[id]
	}
	if run != nil && (run.Fate.State == RunExpired || run.Fate.State == RunCanceled || run.Fate.Reason == events.ReasonUnknownOutcome) {
		return true
	}
	return run != nil && run.State.Ended() && (run.Stopping != "" || run.Reason == events.ReasonUnknownOutcome) || w.byHand[id]
}

// retried says whether a person had a run's unknown step called again.
func (w *world) retried(id string) bool { return w.byHand[id] }

// afterwards is the end of a while.
const afterwards = 3 * time.Hour
