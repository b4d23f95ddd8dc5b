package bridge

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func worldPlans() []rules.Plan {
	reload := func(rule, app string, gather rules.Gather, steps int) rules.Plan {
		plan := rules.Plan{
			Tenant: "acme", Rule: rule, Key: app, Gather: gather, Priority: 1, Deadline: 2 * time.Hour,
			Retry: rules.Retry{Attempts: 1000, Base: time.Second, Cap: time.Minute},
		}
		for range steps {
			name := []string{"one", "two", "three"}[len(plan.Steps)]
			plan.Steps = append(plan.Steps, rules.Step{Name: name, Action: rules.Reload, Args: rules.Args{App: app}})
		}
		return plan
	}
	return []rules.Plan{
		reload("at-once", "app-1", rules.Gather{}, 1),
		reload("every", "app-1", rules.Gather{None: true}, 1),
		reload("quiet", "app-2", rules.Gather{Quiet: 10 * time.Second, Max: time.Minute}, 2),
		reload("third", "app-3", rules.Gather{}, 3),
	}
}

// TestNoHistoryLosesOrDoublesAStart runs random histories of events, faults and
// crashes and holds the invariants I1 to I7 after every step.
func TestNoHistoryLosesOrDoublesAStart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		plans := worldPlans()
		steps := rapid.IntRange(50, 120).Draw(t, "steps")
		for range steps {
			w.step(plans)
			w.invariants()
		}
		w.down = false
		w.reboot()
		w.settleDown()
	})
}

// step does one random thing.
func (w *world) step(plans []rules.Plan) {
	never := func() bool { return false }
	crash := func() bool { return rapid.IntRange(0, 60).Draw(w.t, "crash") == 0 }
	switch rapid.IntRange(0, 9).Draw(w.t, "do") {
	case 0, 1, 2:
		w.arrive(rapid.SampledFrom(plans).Draw(w.t, "plan"))
	case 3, 4, 5:
		w.answer(rapid.IntRange(0, 5).Draw(w.t, "how"))
	case 6, 7:
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(w.t, "seconds")) * time.Second)
	case 8:
		w.down = rapid.IntRange(0, 2).Draw(w.t, "down") == 0
	case 9:
		w.breaker = w.down && rapid.Bool().Draw(w.t, "breaker")
		w.s.Breaker(w.now, w.breaker, w.now.Add(30*time.Second), Verdict{})
		crash = never
	}
	w.pump(crash)
}

// answer lets one call under way reach Qlik and come back, or not.
func (w *world) answer(how int) {
	if len(w.flying) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.flying)-1).Draw(w.t, "call")
	command := w.flying[i]
	w.flying = append(w.flying[:i:i], w.flying[i+1:]...)
	idempotent := command.Kind != KindCall
	var report Report
	switch how {
	case 0: // never arrives, and we know only that no answer came
		report = Report{Command: command, Sent: true, Began: w.now, Verdict: Judge(&qlik.Error{Sent: true, Err: errStalled}, idempotent)}
		w.count(command, w.now)
	case 1: // arrives, and the answer is lost
		w.qlik(command, w.now)
		report = Report{Command: command, Sent: true, Began: w.now, Verdict: Judge(&qlik.Error{Sent: true, Err: errStalled}, idempotent)}
	case 2: // the rate limit
		report = Report{Command: command, Sent: true, Began: w.now, Verdict: Judge(&qlik.Error{Status: 429, Sent: true, RetryAfter: 5 * time.Second}, idempotent)}
		w.count(command, w.now)
	default:
		report = w.qlik(command, w.now)
	}
	if report.Verdict.Reason == "stalled" {
		report.Verdict.Kind = VerdictLost
	}
	w.s.Done(w.now, report)
	if command.Kind == KindProbe {
		w.breaker = w.breaker && report.Verdict.Kind != VerdictDone
	}
}

// invariants hold after every step.
func (w *world) invariants() {
	for id, task := range w.s.tasks {
		if task.run.State.Ended() || task.out {
			continue
		}
		if task.wakeI < 0 && task.queue == nil {
			w.t.Fatalf("I6: run %s in %s waits for nothing", id, task.run.State)
		}
	}
	for app, lane := range w.s.lanes {
		if lane.holder != nil && lane.holder.run.State.Ended() {
			w.t.Fatalf("lane of %s is held by run %s, which has ended", app, lane.holder.run.ID)
		}
	}
}

// settleDown lets everything end once faults have stopped, and counts.
func (w *world) settleDown() {
	never := func() bool { return false }
	for range 20_000 {
		w.pump(never)
		if len(w.flying) > 0 {
			w.answer(5)
			continue
		}
		if len(w.s.tasks) == 0 {
			break
		}
		_, again := w.s.Next(w.now)
		if !again.After(w.now) {
			continue
		}
		w.now = again
	}
	if left := len(w.s.tasks); left > 0 {
		w.t.Fatalf("I6: %d runs do not end though faults have stopped", left)
	}
	causes := map[uint64]int{}
	for id, data := range w.ended {
		run := w.decode(data)
		for _, sequence := range run.Causes.Sequences() {
			causes[sequence]++
		}
		if !strings.HasSuffix(w.final[id], string(run.State)) {
			w.t.Fatalf("I5: run %s is %s and was told as %q", id, run.State, w.final[id])
		}
	}
	for _, entry := range w.journal {
		if causes[entry.cause.Sequence] != 1 {
			w.t.Fatalf("I1: event %d is a cause of %d runs", entry.cause.Sequence, causes[entry.cause.Sequence])
		}
	}
}
