package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func TestCallWhoseAnswerWasLostCountsFromWhenItWasMadeHoweverOftenWeRestart(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.want(KindCall, run)
	called := tl.now
	used := func() int { return tl.s.quota[qlik.ClassReload].status(qlik.ClassReload, tl.now).Used }
	free := called.Add(tl.limits.Bound + tl.limits.Timeout + tl.limits.Grace + tl.limits.Quota[qlik.ClassReload].Per)
	for tl.now.Before(free.Add(5 * time.Minute)) {
		tl.restart()
		if got, want := used() > 0, tl.now.Before(free); got != want {
			t.Errorf("%s after the call it counts: %t, want %t", tl.now.Sub(called), got, want)
		}
		tl.pass(10 * time.Second)
	}
}
