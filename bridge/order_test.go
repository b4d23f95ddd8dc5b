package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func prioritized(rule string, priority int) rules.Plan {
	plan := planOf(rule, rule, rules.Reload)
	plan.Priority, plan.Deadline = priority, 24*time.Hour
	return plan
}

func TestHigherPriorityGoesFirstThenTheOlder(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	var runs []*Run
	for i, priority := range []int{2, 1, 0, 2, 1, 0} {
		runs = append(runs, tl.trigger(prioritized(fmt.Sprint("r", i), priority)))
		tl.pass(time.Second)
	}
	tl.limits.Parallel[qlik.ClassReload] = len(runs)
	tl.restart()
	for _, i := range []int{2, 5, 1, 4, 0, 3} {
		tl.want(KindCall, tl.s.tasks[runs[i].ID].run())
	}
}

// TestNothingWaitsForEver keeps the quota busy with runs of high priority, more of
// them than it allows, and holds the bound for one of low priority.
func TestNothingWaitsForEver(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	tl.limits.Quota[qlik.ClassReload] = Rate{Calls: 2, Per: time.Minute}
	tl.boot(Snapshot{})
	low := tl.trigger(prioritized("low", 2))
	began := tl.now
	for i := 0; !low.State.Ended(); i++ {
		for n := range 3 {
			tl.trigger(prioritized(fmt.Sprintf("high-%d-%d", i, n), 0))
		}
		for {
			command, _ := tl.s.Next(tl.now)
			if command.Kind == KindNone {
				break
			}
			tl.done(command, VerdictDone, reloadIs(command.Run, qlik.ReloadSucceeded))
		}
		tl.pass(time.Minute)
		if i > 1000 {
			t.Fatal("the run of low priority never goes")
		}
	}
	// What came in two times Patience goes before it: 90 runs, 2 a minute.
	if waited, most := tl.now.Sub(began), 48*time.Minute; waited > most {
		t.Errorf("it waited for %s, want at most %s", waited, most)
	}
}

func TestPriorityThatChangesMovesAWaitingRun(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	low := tl.trigger(prioritized("r", 2))
	tl.trigger(prioritized("other", 1))
	tl.trigger(prioritized("another", 1))
	tl.trigger(prioritized("r", 0))
	tl.want(KindCall, low)
}
