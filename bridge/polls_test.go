package bridge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A watched reload says how often Qlik was asked about it and how late its end was
// seen.
type watched struct {
	polls int
	late  time.Duration
}

// watch runs one reload of an app, which takes so long, to its end and forgets the
// run as a dispatcher does. pushed: Qlik tells at once that it has ended.
func (tl *timeline) watch(app string, took time.Duration, pushed bool) (seen watched) {
	tl.t.Helper()
	plan := planOf(app, app, rules.Reload)
	plan.Deadline = 10 * time.Hour
	run := tl.trigger(plan)
	reload := qlik.Reload{ID: run.ID, Status: qlik.ReloadQueued, CreationTime: tl.now}
	tl.done(tl.want(KindCall, run), VerdictDone, func(r *Report) { r.Reload = &reload })
	ends := tl.now.Add(took)
	for !run.State.Ended() {
		again := tl.idle()
		if pushed && again.After(ends) && tl.now.Before(ends) {
			tl.now = ends
			tl.s.Settled(tl.now, reload)
		} else {
			tl.now = again
		}
		poll := tl.want(KindPoll, run)
		seen.polls++
		if !tl.now.Before(ends) {
			reload.Status, reload.EndTime = qlik.ReloadSucceeded, ends
		}
		tl.done(poll, VerdictDone, func(r *Report) { now := reload; r.Reload = &now })
	}
	tl.tell()
	return watched{seen.polls, tl.now.Sub(ends)}
}

// tell publishes what is to be told and writes what a dispatcher writes with it.
func (tl *timeline) tell() {
	tl.s.Touched()
	for id := range tl.s.tasks {
		tl.s.Told(id)
	}
	for _, record := range tl.s.Learned() {
		tl.apps[record.App] = record
	}
}

// within says whether a reload's end was seen within 2 s or so many percent.
func (w watched) within(took time.Duration, percent int) bool {
	return w.late <= max(2*time.Second, took*time.Duration(percent)/100)
}

func TestReloadOfAnUnknownAppIsPolledFortyTimesAtMost(t *testing.T) {
	t.Parallel()
	for took := time.Duration(0); took <= 3*time.Hour; took += max(50*time.Millisecond, took/50) {
		seen := newTimeline(t, Snapshot{}).watch("app", took, false)
		if seen.polls > 40 || !seen.within(took, 25) {
			t.Errorf("a reload of %s: %d polls, its end seen %s late", took, seen.polls, seen.late)
		}
	}
}

// teach lets an app be reloaded as often as says how long it usually takes.
func (tl *timeline) teach(app string, took ...time.Duration) {
	tl.t.Helper()
	for _, d := range took {
		tl.watch(app, d, false)
	}
	if _, _, known := usual(tl.s.took(app)); !known {
		tl.t.Fatalf("reloads of %v do not say how long the app takes", took)
	}
}

// TestReloadOfAKnownAppIsPolledEightTimesAtMost draws apps whose five reloads took
// the same within 15 %, and one more that is no further from their middle.
func TestReloadOfAKnownAppIsPolledEightTimesAtMost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		tl := newTimeline(t, Snapshot{})
		shortest := time.Duration(rapid.Float64Range(0.1, 9000).Draw(r, "seconds") * float64(time.Second))
		var low, high time.Duration
		for i := range learnFrom {
			took := shortest + time.Duration(rapid.Float64Range(0, 0.149).Draw(r, "more")*float64(shortest))
			if i == 0 {
				low = took
			}
			low, high = min(low, took), max(high, took)
			tl.watch("app", took, false)
		}
		took := time.Duration(rapid.Float64Range(0.926, 1.074).Draw(r, "next") * float64(low+high) / 2)
		if seen := tl.watch("app", took, false); seen.polls > 8 || !seen.within(took, 5) {
			r.Fatalf("a reload of %s after some of %s to %s: %d polls, its end seen %s late", took, low, high, seen.polls, seen.late)
		}
	})
}

// TestPollsFollowAnAppThatDrifts holds the figures while an app gets slower or
// faster by up to three percent with each reload.
func TestPollsFollowAnAppThatDrifts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		tl := newTimeline(t, Snapshot{})
		took := time.Duration(rapid.Float64Range(10, 6000).Draw(r, "seconds") * float64(time.Second))
		drift := rapid.Float64Range(-0.03, 0.03).Draw(r, "drift")
		for i := range 40 {
			seen := tl.watch("app", took, false)
			if i >= learnFrom && (seen.polls > 8 || !seen.within(took, 5)) {
				r.Fatalf("reload %d of %s: %d polls, its end seen %s late", i, took, seen.polls, seen.late)
			}
			took += time.Duration(drift * float64(took))
		}
	})
}

// TestKnownAppThatBreaksItsHabitStaysWithinTheBounds takes what was learned for a
// guess: a much longer reload is seen as one of an unknown app, and a much shorter
// one when it usually ends at the latest.
func TestKnownAppThatBreaksItsHabitStaysWithinTheBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		tl := newTimeline(t, Snapshot{})
		usually := time.Duration(rapid.Float64Range(1, 9000).Draw(r, "usually") * float64(time.Second))
		tl.teach("app", usually, usually, usually, usually, usually)
		took := time.Duration(rapid.Float64Range(0, 10800).Draw(r, "seconds") * float64(time.Second))
		seen := tl.watch("app", took, false)
		if seen.polls > 40 || took > usually && !seen.within(took, 25) || took <= usually && took+seen.late > usually+max(2*time.Second, usually/20) {
			r.Fatalf("a reload of %s after some of %s: %d polls, its end seen %s late", took, usually, seen.polls, seen.late)
		}
	})
}

func TestLongReloadThatFailsEarlyIsSeenLongBeforeItsUsualEnd(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	tl.teach("app", time.Hour, time.Hour, time.Hour, time.Hour, time.Hour)
	if seen := tl.watch("app", time.Minute, false); seen.late > 5*time.Minute {
		t.Errorf("its end was seen %s late", seen.late)
	}
}

func TestKnownAppOfTwoMinutesIsPolledTwice(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	const usually = 2 * time.Minute
	tl.teach("app", usually, usually+time.Second, usually-time.Second, usually, usually)
	for _, took := range []time.Duration{usually - 2*time.Second, usually, usually + time.Second} {
		if seen := tl.watch("app", took, false); seen.polls > 2 || !seen.within(took, 5) {
			t.Errorf("a reload of %s: %d polls, its end seen %s late", took, seen.polls, seen.late)
		}
	}
}

func TestPushMakesItOnePoll(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	const usually = 2 * time.Minute
	tl.teach("app", usually, usually, usually, usually, usually)
	if seen := tl.watch("app", usually-5*time.Second, true); seen.polls != 1 || seen.late != 0 {
		t.Errorf("a known app: %d polls, its end seen %s late", seen.polls, seen.late)
	}
	if seen := tl.watch("other", time.Second, true); seen.polls != 1 || seen.late != 0 {
		t.Errorf("an unknown app: %d polls, its end seen %s late", seen.polls, seen.late)
	}
}

func TestWhatWasLearnedSurvivesARestart(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	const usually = 2 * time.Minute
	for range learnFrom {
		tl.watch("app", usually, false)
		tl.restart()
	}
	if seen := tl.watch("app", usually, false); seen.polls > 2 || !seen.within(usually, 5) {
		t.Errorf("%d polls, its end seen %s late", seen.polls, seen.late)
	}
}

// What one of Qlik's servers took, another may deny for a moment.
func TestReloadIsGoneOnlyWhenQlikDeniesItForAMinute(t *testing.T) {
	t.Parallel()
	tl := newTimeline(t, Snapshot{})
	deny := func(run *Run, limit time.Duration) {
		for began := tl.now; run.State == RunRunning && tl.now.Sub(began) < limit; {
			tl.done(tl.until(KindPoll), VerdictFail, because(events.ReasonNotFound))
		}
	}
	run := tl.trigger(planOf("a", "a", rules.Reload))
	tl.done(tl.want(KindCall, run), VerdictDone, reloadIs("r", qlik.ReloadQueued))
	for range 2 {
		deny(run, 40*time.Second)
		tl.state(run, RunRunning)
		tl.done(tl.until(KindPoll), VerdictDone, reloadIs("r", qlik.ReloadReloading))
	}
	deny(run, 3*time.Minute)
	if run.State != RunFailed || run.Reason != events.ReasonReloadGone {
		t.Errorf("the run is %s (%s)", run.State, run.Reason)
	}
}
