package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// Limits are what a scheduler keeps to; none has a default but in DefaultLimits.
type Limits struct {
	Quota    map[qlik.Class]Rate // calls Qlik allows
	Parallel map[qlik.Class]int  // most calls under way at once
	Patience time.Duration       // a run goes before another of the next higher priority that came so much later
	Poll     time.Duration       // shortest wait between two looks at a reload
	Grace    time.Duration       // how long a call without an answer may still take effect
	Lag      time.Duration       // how long what a call made may be missing in what Qlik lists
	Bound    time.Duration       // a worker calls no later than this after the decision
	Probe    time.Duration       // between two probes of a held tenant
	Cancel   time.Duration       // how long an expired run waits for its reload to stop
	Timeout  time.Duration       // of one call
	Slow     time.Duration       // of one copy or publish
	Gone     time.Duration       // for so long Qlik has to deny a reload that it took
	Young    time.Duration       // for so long Qlik may deny an app that a run has just made

	// Alone says that no other process can still be calling when this one takes
	// over, as with an embedded broker, whose data one process uses at a time.
	Alone bool

	Apps        map[string]AppLimit // by id; others have none
	DailyBudget int                 // reloads of all apps started in any 24 hours; 0 = no limit

	Pending   time.Duration // between two tries while somebody else's reload of the app is pending
	Frequency time.Duration // between two tries once the app's reloads of the day are used up
	Log       time.Duration // how long the outcome of a reload that ended badly waits for its log; 0 = it tells none
	Names     time.Duration // how long what an app is called is believed; 0 = it is never asked for
}

// timeout returns how long a step's call may take.
func (l Limits) timeout(action rules.Action) time.Duration {
	if action == rules.Reload {
		return l.Timeout
	}
	return l.Slow
}

// DefaultLimits returns Qlik's published quotas and the waits that go with them.
func DefaultLimits() Limits {
	return Limits{
		Quota: map[qlik.Class]Rate{
			qlik.ClassReload: {50, time.Minute}, qlik.ClassWrite: {100, time.Minute}, qlik.ClassRead: {1000, time.Minute},
		},
		Parallel: map[qlik.Class]int{qlik.ClassReload: 4, qlik.ClassWrite: 4, qlik.ClassRead: 8},
		Patience: 15 * time.Minute,
		Poll:     2 * time.Second,
		Grace:    10 * time.Second,
		Lag:      20 * time.Second,
		Bound:    5 * time.Second,
		Probe:    5 * time.Minute,
		Cancel:   5 * time.Minute,
		Timeout:  qlik.DefaultTimeout,
		Slow:     qlik.DefaultSlowTimeout,
		Gone:     time.Minute,
		Young:    2 * time.Minute,

		Pending:   10 * time.Second,
		Frequency: 8 * time.Minute, // 192 reloads a day and app
		Log:       2 * time.Second,
		Names:     24 * time.Hour,
	}
}

// takeOverGrace is how long after a take-over a call found under way may still
// take effect. Unless we are alone, the predecessor may be about to make it.
func (l Limits) takeOverGrace(action rules.Action) time.Duration {
	if l.Alone {
		return l.Grace
	}
	return l.Grace + l.Bound + l.timeout(action)
}

// proven is how long after a call's answer was given up a listing has to begin that
// shows what the call made, if it made anything.
func (l Limits) proven() time.Duration { return l.Grace + l.Lag }

// takenOver is how long that is after a take-over.
func (l Limits) takenOver(action rules.Action) time.Duration { return l.takeOverGrace(action) + l.Lag }

// late is how long after a take-over a call of a class that was found under way may
// still reach Qlik.
func (l Limits) late(class qlik.Class) time.Duration {
	if class == qlik.ClassReload {
		return l.takeOverGrace(rules.Reload)
	}
	return l.takeOverGrace(rules.Copy)
}

// unheard is when a call that was written down at a time, and to which no answer is on
// record, reached Qlik at the latest: not long after it was written, however often the
// tenant was taken over since.
func (l Limits) unheard(class qlik.Class, called, now time.Time) time.Time {
	latest := now.Add(l.late(class))
	l.Alone = false // it may have waited for its bound before it was sent
	if end := called.Add(l.late(class)); end.Before(latest) {
		return end
	}
	return latest
}
