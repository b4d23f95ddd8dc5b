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

func TestForeignReloadIsToldOnceWhateverIsSaidOfIt(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	say := func(id string) { tl.s.Foreign(tl.now, Cause{ID: "e-" + id, Time: tl.now}, id) }
	ends := func(reload qlik.Reload) {
		t.Helper()
		command := tl.until(KindLook)
		tl.s.Done(tl.now, Report{Command: command, Verdict: Verdict{Kind: VerdictDone}, Identity: "us", Reload: &reload})
	}
	say("r1")
	say("r1")
	ends(qlik.Reload{ID: "r1", AppID: "a", Type: "hub", UserID: "us", Status: qlik.ReloadReloading})
	ends(qlik.Reload{ID: "r1", AppID: "a", Type: "hub", UserID: "us", Status: qlik.ReloadFailed})
	say("r1")
	say("ours")
	ends(qlik.Reload{ID: "ours", AppID: "a", Type: qlik.TypeExternal, UserID: "us", Status: qlik.ReloadSucceeded})
	say("unknown")
	tl.s.Done(tl.now, Report{Command: tl.until(KindLook), Verdict: Verdict{Kind: VerdictFail}})
	outbox, _ := tl.s.TenantOutbox()
	if len(outbox) != 1 || outbox[0].ID != "acme/reloads/r1" || outbox[0].Type != "io.qlikgateway.v1.foreign_reload.failed" || outbox[0].CausationID != "e-r1" {
		t.Errorf("told: %+v", outbox)
	}
	if waiting := tl.s.foreign.waiting; len(waiting) > 0 {
		t.Errorf("still waiting: %+v", waiting)
	}
}
