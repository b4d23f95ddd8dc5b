package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

func TestStatusSaysWhatEachRunWaitsFor(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	busy := tl.trigger(planOf("first", "app-1", rules.Reload))
	call := tl.want(KindCall, busy)
	plan := planOf("second", "app-1", rules.Reload)
	waiting := tl.trigger(plan)
	quiet := planOf("third", "app-2", rules.Reload)
	quiet.Gather = rules.Gather{Quiet: time.Minute}
	gathering := tl.trigger(quiet)
	tl.idle()
	status := tl.s.Status(tl.now)
	waits := map[string]Wait{}
	for _, parked := range status.Parked {
		waits[parked.Run] = parked.Wait
		if parked.Run == waiting.ID && parked.Other != busy.ID {
			t.Errorf("%s waits for %q, want %s", parked.Run, parked.Other, busy.ID)
		}
		if parked.Run == gathering.ID && !parked.Until.Equal(tl.now.Add(time.Minute)) {
			t.Errorf("gathers until %s", parked.Until)
		}
	}
	if len(waits) != 2 || waits[waiting.ID] != WaitApp || waits[gathering.ID] != WaitGather {
		t.Errorf("parked: %v", status.Parked)
	}
	if status.Open != 3 || status.Lanes != 1 || status.Waits[DoingCall] != 1 || status.Breaker.State != "closed" {
		t.Errorf("%+v", status)
	}
	tl.done(call, VerdictDone, reloadIs("r-1", qlik.ReloadReloading))
	tl.s.Breaker(tl.now, true, tl.now.Add(time.Second), Verdict{})
	status = tl.s.Status(tl.now)
	if status.Breaker.State != "open" || status.Waits[DoingReload] != 1 || status.Waits[WaitApp] != 1 {
		t.Errorf("%+v", status)
	}
}

func TestStatusCountsTheCallsOfTheLastMinute(t *testing.T) {
	t.Parallel()
	w := &window{rate: Rate{Calls: 2, Per: time.Minute}, limit: 4}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, age := range []time.Duration{90 * time.Second, 50 * time.Second, 10 * time.Second} {
		w.add(now.Add(-age))
	}
	status := w.status(qlik.ClassReload, now)
	if status.Used != 2 || !status.Next.Equal(now.Add(10*time.Second)) {
		t.Errorf("used %d, next %s", status.Used, status.Next)
	}
	if len(w.frees) != 3 {
		t.Error("looking at it changed it")
	}
}
