package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// pause puts a pause in force.
func (tl *timeline) pause(p Pause) {
	tl.t.Helper()
	if err := tl.s.Pause(tl.now, p); err != nil {
		tl.t.Fatal(err)
	}
}

// tenantTold returns what was told of the tenant as a whole, and forgets it.
func (tl *timeline) tenantTold() (types []string) {
	outbox, _ := tl.s.TenantOutbox()
	for _, outcome := range outbox {
		types = append(types, strings.TrimPrefix(outcome.Type, events.TypePrefix))
	}
	tl.s.TenantTold(len(outbox))
	return types
}

func TestPausedWorkGathersAndBeginsWhenItIsResumed(t *testing.T) {
	t.Parallel()
	for of, name := range map[PauseKind]string{PauseTenant: "", PauseRule: "r", PauseApp: "app"} {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			tl.pause(Pause{Of: of, Name: name, Reason: "month-end"})
			plan := planOf("r", "app", rules.Reload)
			run := tl.trigger(plan)
			tl.pass(20 * plan.Deadline)
			tl.idle()
			if again := tl.trigger(plan); again != run || run.Causes.Count != 2 {
				t.Errorf("a trigger opened %s, want it to join %s", again.ID, run.ID)
			}
			if other := tl.trigger(planOf("other", "elsewhere", rules.Reload)); of != PauseTenant {
				tl.done(tl.want(KindCall, other), VerdictFail)
				tl.state(other, RunFailed)
			}
			parked := tl.s.Status(tl.now).Parked
			words := strings.TrimSpace(string(of)+" "+name) + ": month-end"
			if i := slices.IndexFunc(parked, func(p Parked) bool { return p.Run == run.ID }); i < 0 || parked[i].Wait != WaitPause || parked[i].Cause != words {
				t.Errorf("parked: %+v, want it to wait for %q", parked, words)
			}
			tl.restart()
			tl.idle()
			if err := tl.s.Resume(tl.now, of, name); err != nil {
				t.Fatal(err)
			}
			tl.pass(plan.Deadline - time.Minute)
			tl.want(KindCall, run)
			if err := tl.s.Resume(tl.now, of, name); !errors.Is(err, ErrRefused) {
				t.Errorf("resumed twice: %v", err)
			}
			if told := tl.tenantTold(); !slices.Equal(told, []string{string(of) + ".resumed"}) { // the rest was told before the restart
				t.Errorf("told %v", told)
			}
		})
	}
}

func TestReloadUnderWayIsWatchedThroughAPauseAndWhatFollowsWaits(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	run := tl.trigger(planOf("r", "app", rules.Reload, rules.Copy))
	call := tl.want(KindCall, run)
	tl.pause(Pause{Of: PauseTenant, Until: tl.now.Add(time.Hour)})
	tl.done(call, VerdictDone, reloadIs("r1", qlik.ReloadQueued))
	tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r1", qlik.ReloadSucceeded))
	ends := tl.idle()
	if !ends.Equal(call.At.Add(time.Hour)) {
		t.Errorf("asks again at %s, want the end of the pause", ends)
	}
	tl.now = ends
	tl.want(KindCall, run)
	if told := tl.tenantTold(); !slices.Equal(told, []string{"tenant.paused", "tenant.resumed"}) {
		t.Errorf("told %v", told)
	}
}

func TestPausedRunCanBeCanceled(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	tl.pause(Pause{Of: PauseRule, Name: "r"})
	run := tl.trigger(planOf("r", "app", rules.Reload))
	if err := tl.s.Cancel(tl.now, run.ID); err != nil {
		t.Fatal(err)
	}
	tl.state(run, RunCanceled)
}

func TestPauseThatSaysTooLittleIsRefused(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	for _, p := range []Pause{
		{Of: "planet"}, {Of: PauseRule}, {Of: PauseApp}, {Of: PauseTenant, Name: "acme"}, {Of: PauseTenant, Until: tl.now},
		{Of: PauseTenant, Reason: strings.Repeat("x", 301)},
	} {
		if err := tl.s.Pause(tl.now, p); !errors.Is(err, ErrRefused) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// TestWhatOperatorsSayFitsARecord: one that the broker does not take would be written for
// ever, and its tenant stand still.
func TestWhatOperatorsSayFitsARecord(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	long := strings.Repeat("x", 1<<20)
	for _, p := range []Pause{{Of: PauseApp, Name: long}, {Of: PauseTenant, By: long}} {
		if err := tl.s.Pause(tl.now, p); !errors.Is(err, ErrRefused) {
			t.Errorf("%.20q by %.20q: %v", p.Name, p.By, err)
		}
	}
	held := tl.trigger(planOf("r", "app", rules.Copy))
	tl.done(tl.until(KindCall), VerdictLost, because(events.ReasonTimeout))
	for held.State != RunHeld {
		tl.done(tl.until(KindReconcile), VerdictDone)
	}
	if err := tl.s.Resolve(tl.now, held.ID, ResolveSucceeded, long); !errors.Is(err, ErrRefused) {
		t.Errorf("resolved: %v", err)
	}
	refused := 0
	for i := range 10_000 {
		p := Pause{Of: PauseApp, Name: fmt.Sprint("app-", i), Reason: strings.Repeat("r", longestPauseReason)}
		if err := tl.s.Pause(tl.now, p); errors.Is(err, ErrRefused) {
			refused++
		}
	}
	if err := tl.s.Pause(tl.now, Pause{Of: PauseApp, Name: "app-1", Reason: "still"}); err != nil {
		t.Errorf("a pause that is in force cannot be changed: %v", err)
	}
	text, err := json.Marshal(tl.s.Pauses())
	if err != nil || len(text) > 512<<10 || refused == 0 {
		t.Errorf("%d pauses take %d bytes, %v", len(tl.s.Pauses()), len(text), err)
	}
}

func TestBreakerHeldOpenLetsNothingThroughUntilTheProbeDecides(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	running := tl.trigger(planOf("r", "app", rules.Reload))
	tl.done(tl.want(KindCall, running), VerdictDone, reloadIs("r1", qlik.ReloadReloading))
	tl.pause(Pause{Of: PauseBreaker, Reason: "Qlik is being moved"})
	waiting := tl.trigger(planOf("w", "other", rules.Reload))
	tl.s.Breaker(tl.now, true, tl.now, Verdict{})
	tl.s.Breaker(tl.now, false, time.Time{}, Verdict{})
	tl.pass(30 * time.Minute)
	tl.idle()
	told := tl.tenantTold()
	tl.restart()
	tl.idle()
	if hold := tl.s.Status(tl.now).Breaker.Hold; hold == nil || hold.Reason != "Qlik is being moved" {
		t.Errorf("the status has the hold %+v", hold)
	}
	if err := tl.s.Resume(tl.now, PauseBreaker, ""); err != nil {
		t.Fatal(err)
	}
	probe := tl.want(KindProbe, nil)
	tl.done(probe, VerdictRetry)
	tl.s.Breaker(tl.now, false, time.Time{}, Verdict{})
	tl.idle()
	tl.done(tl.until(KindProbe), VerdictDone)
	tl.want(KindPoll, running)
	tl.want(KindCall, waiting)
	if told = append(told, tl.tenantTold()...); !slices.Equal(told, []string{"breaker.opened", "breaker.closed"}) {
		t.Errorf("told %v", told)
	}
	if err := tl.s.Resume(tl.now, PauseBreaker, ""); !errors.Is(err, ErrRefused) {
		t.Errorf("closed though it is closed: %v", err)
	}
}
