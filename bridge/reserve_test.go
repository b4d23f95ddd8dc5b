package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// TestRunOfSeveralAppsIsNotStarved keeps both apps of a run busy by turns, each with
// runs of its own that never end at the same moment, and holds the bound.
func TestRunOfSeveralAppsIsNotStarved(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	busy := map[string]*Run{}
	ends := map[string]time.Time{}
	begin := func(i int, app string, takes time.Duration) {
		plan := patient(app)
		plan.Rule, plan.Key = fmt.Sprint("single-", i), fmt.Sprint(app, i)
		busy[app], ends[app] = tl.trigger(plan), tl.now.Add(takes)
	}
	both := patient("a")
	both.Rule, both.Key = "both", "both"
	both.Steps = append(both.Steps, rules.Step{Name: "two", Action: rules.Reload, Args: rules.Args{App: "b"}})
	begin(0, "a", 2*time.Minute)
	begin(0, "b", 3*time.Minute)
	var calls = map[string]Command{}
	var run *Run
	began := tl.now
	for i := 1; i < 200; i++ {
		for command, _ := tl.s.Next(tl.now); command.Kind != KindNone; command, _ = tl.s.Next(tl.now) {
			if run != nil && command.Run == run.ID {
				if waited, most := tl.now.Sub(began), tl.limits.Patience+5*time.Minute; waited > most {
					t.Errorf("it waited for %s, want at most %s", waited, most)
				}
				return
			}
			calls[command.Run] = command
		}
		if run == nil {
			run, began = tl.trigger(both), tl.now
		}
		tl.pass(time.Minute)
		for _, app := range []string{"a", "b"} {
			if call, under := calls[busy[app].ID]; under && !tl.now.Before(ends[app]) {
				ended := busy[app]
				begin(i, app, 3*time.Minute)
				tl.done(call, VerdictDone, reloadIs(ended.ID, qlik.ReloadSucceeded))
				delete(calls, ended.ID)
			}
		}
	}
	t.Error("the run of two apps never goes")
}
