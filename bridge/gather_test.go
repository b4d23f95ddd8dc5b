package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func gathers(gather rules.Gather) rules.Plan {
	plan := planOf("r", "app", rules.Reload)
	plan.Gather = gather
	return plan
}

// callsBefore lets time pass until a call comes or a time has come.
func (tl *timeline) callsBefore(end time.Time) bool {
	for tl.now.Before(end) {
		command, again := tl.s.Next(tl.now)
		if command.Kind == KindCall {
			return true
		}
		if again.IsZero() || again.After(end) {
			again = end
		}
		tl.now = again
	}
	return false
}

func TestGatheringEndsByQuietMaxOrCount(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		gather rules.Gather
		every  time.Duration // between two triggers
		n      int
		causes int           // of the run
		after  time.Duration // its call, after the first trigger
	}{
		"at once":                {rules.Gather{}, time.Second, 3, 1, 0},
		"quiet":                  {rules.Gather{Quiet: 10 * time.Second}, 5 * time.Second, 4, 4, 25 * time.Second},
		"max":                    {rules.Gather{Quiet: 10 * time.Second, Max: 12 * time.Second}, 5 * time.Second, 4, 3, 12 * time.Second},
		"count before quiet":     {rules.Gather{Quiet: 10 * time.Second, Count: 3}, 5 * time.Second, 9, 3, 10 * time.Second},
		"quiet before count":     {rules.Gather{Quiet: 10 * time.Second, Count: 9}, 5 * time.Second, 2, 2, 15 * time.Second},
		"count alone":            {rules.Gather{Max: time.Hour, Count: 3}, 10 * time.Minute, 9, 3, 20 * time.Minute},
		"max before count":       {rules.Gather{Max: 15 * time.Minute, Count: 3}, 10 * time.Minute, 2, 2, 15 * time.Minute},
		"count of one":           {rules.Gather{Max: time.Hour, Count: 1}, time.Minute, 2, 1, 0},
		"two that came together": {rules.Gather{Max: time.Hour, Count: 2}, 0, 2, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			began := tl.now
			run := tl.trigger(gathers(test.gather))
			called := false
			for i := 1; i < test.n && !called; i++ {
				if called = tl.callsBefore(began.Add(time.Duration(i) * test.every)); !called {
					tl.trigger(gathers(test.gather))
				}
			}
			if !called {
				tl.until(KindCall)
			}
			if run.Causes.Count != test.causes || tl.now.Sub(began) != test.after {
				t.Errorf("called after %s for %d causes, want %s and %d", tl.now.Sub(began), run.Causes.Count, test.after, test.causes)
			}
		})
	}
}

func TestRunThatHasItsCountIsJoinedUntilItCalls(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	plan := gathers(rules.Gather{Max: time.Hour, Count: 2})
	other := tl.trigger(planOf("other", "app", rules.Reload))
	tl.done(tl.want(KindCall, other), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	run := tl.trigger(plan)
	for range 3 {
		tl.trigger(plan)
	}
	tl.restart()
	run = tl.s.tasks[run.ID].run()
	tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	tl.want(KindCall, run)
	if run.Causes.Count != 4 {
		t.Errorf("%d causes, want 4", run.Causes.Count)
	}
}
