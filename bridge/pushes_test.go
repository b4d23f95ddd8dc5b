package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func TestAFloodOfPushesCostsBoundedPolls(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	polls, began := 0, tl.now
	for tl.now.Sub(began) < time.Minute {
		tl.s.Settled(tl.now, qlik.Reload{ID: "r1"})
		if command, _ := tl.s.Next(tl.now); command.Kind == KindPoll {
			polls++
			tl.done(command, VerdictDone, reloadIs("r1", qlik.ReloadReloading))
		}
		tl.now = tl.now.Add(10 * time.Millisecond)
	}
	if most := int(time.Minute/tl.s.limits.Poll) + mostWakes + 1; polls > most {
		t.Errorf("6000 pushes cost %d polls within a minute, want at most %d", polls, most)
	}
}
