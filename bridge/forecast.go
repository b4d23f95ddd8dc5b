package bridge

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// A Forecast runs a tenant's scheduler over a trace of events in virtual time. The
// scheduler, its limits and the rules are those of the gateway; the tenant is a
// model that takes every call and whose reloads all succeed, outages apart.
type Forecast struct {
	Tenant  string
	Rules   *rules.Set
	Limits  Limits
	Breaker qlik.BreakerConfig // Probe and OnChange are not used
	Reload  time.Duration      // how long each reload takes; default 2m
	Outages []Span             // when every call fails with 503
}

// A Span is a time from one moment to another.
type Span struct{ From, To time.Time }

// holds says whether a moment is in the span.
func (s Span) holds(at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }

// A Trigger is one event of a trace and the rules of the tenant that it matches.
type Trigger struct {
	Event rules.Event
	Rules []string
}

// A Prediction is what would become of a trace.
type Prediction struct {
	Triggers  int              // causes of runs: an event is one for each rule that it matches
	Unplanned int              // would be dead letters: a rule matches and cannot make a plan, or rules loop
	Runs      int              // opened
	States    map[RunState]int // how they ended
	Asked     int              // reloads, had each of Waits been a run of its own
	Waits     []Waited         // of the triggers that a reload covered
	Uncovered int              // triggers of runs that ended without a reload
	Calls     []time.Time      // of the quota of reloads, as they were sent
	Reloads   []Reloaded       // started
	Apps      map[string]int   // triggers that ask for a reload, by app; "" = of one that only a result names
	Open      []Span           // while the breaker was open
	End       time.Time        // when nothing was left to do
}

// Waited is how long one trigger waited for the start of the reload that covers it.
type Waited struct {
	At   time.Time // of the event
	Wait time.Duration
}

// Reloaded is the start of one reload.
type Reloaded struct {
	App string
	At  time.Time
}

// errRestless is returned when the scheduler asks again at once, for ever.
var errRestless = errors.New("the scheduler does not come to rest")

// forecastAnswer is how long every call takes.
const forecastAnswer = 200 * time.Millisecond

// A forecasting is a Forecast under way.
type forecasting struct {
	Prediction
	name    string
	rules   *rules.Set
	s       *Scheduler
	now     time.Time
	trace   []Trigger
	next    int                 // of the trace
	journal []rules.Event       // what was admitted, by sequence
	heard   []cloudevents.Event // outcomes that rules may look at
	flying  []landing
	tenant  modelTenant
	breaker modelBreaker
	waiting map[string][]uncovered // triggers that no reload covers yet, by run
}

// An uncovered trigger waits for the first reload of its run.
type uncovered struct {
	at      time.Time
	reloads int // that its plan asks for
}

// A landing is the answer to a call on its way.
type landing struct {
	at     time.Time
	report Report
}

// Run returns what would become of the triggers, which are in the order of time, from
// the first until no run is left. Rules on the gateway's own outcomes hear those of
// this tenant; what they make of them counts as triggers too.
func (f Forecast) Run(trace []Trigger) (Prediction, error) {
	if len(trace) == 0 {
		return Prediction{States: map[RunState]int{}, Apps: map[string]int{}}, nil
	}
	began := trace[0].Event.Time
	jitter := rand.New(rand.NewPCG(1, 2))
	w := &forecasting{
		Prediction: Prediction{States: map[RunState]int{}, Apps: map[string]int{}},
		name:       f.Tenant, rules: f.Rules, now: began, trace: trace, waiting: map[string][]uncovered{},
		tenant:  modelTenant{took: cmp.Or(f.Reload, 2*time.Minute), outages: f.Outages, reloads: map[string]qlik.Reload{}},
		breaker: newModelBreaker(f.Breaker),
		s: NewScheduler(Names{Tenant: f.Tenant, Journal: began, Epoch: 1}, f.Limits, Senses{
			Jitter: jitter.Float64, Clock: func(t time.Time) time.Time { return t },
		}, began, Snapshot{}),
	}
	w.s.CaughtUp(began)
	err := w.run()
	return w.Prediction, err
}

func (w *forecasting) run() error {
	for {
		w.admit()
		again, err := w.pump()
		if err != nil {
			return err
		}
		if len(w.heard) > 0 {
			continue
		}
		if w.next < len(w.trace) {
			again = earlier(again, w.trace[w.next].Event.Time)
		}
		if len(w.flying) > 0 {
			again = earlier(again, w.flying[0].at)
		}
		switch {
		case again.IsZero():
			w.End = w.now
			w.breaker.note(&w.Open, w.now)
			return nil
		case !again.After(w.now):
			return errRestless
		}
		w.now = again
		w.land()
	}
}

// pump does what a term's loop does until nothing is left to do now.
func (w *forecasting) pump() (again time.Time, err error) {
	for {
		command, at := w.s.Next(w.now)
		if command.Kind == KindNone {
			again = at
			break
		}
		w.flying = append(w.flying, landing{at: w.now.Add(forecastAnswer), report: w.carryOut(command)})
	}
	for _, run := range w.s.Touched() {
		err = errors.Join(err, w.hear(run.Outbox))
		if w.s.Told(run.ID) {
			w.States[run.State]++
			w.Uncovered += len(w.waiting[run.ID])
			delete(w.waiting, run.ID)
		}
	}
	if told, changed := w.s.TenantOutbox(); changed {
		err = errors.Join(err, w.hear(told))
		w.s.TenantTold(len(told))
	}
	w.s.Learned()
	return again, err
}

// carryOut is what becomes of a command; the answer comes later.
func (w *forecasting) carryOut(command Command) Report {
	report := Report{Command: command, Began: w.now, QlikTime: w.now}
	class, counts := command.class()
	switch {
	case command.Kind == KindResolve:
		w.resolve(&report)
		return report
	case command.Step.Action == rules.Emit:
		report.Verdict = Judge(nil, true)
		return report
	case w.breaker.open && command.Kind != KindProbe:
		report.Verdict = Judge(qlik.ErrOpen, true)
		return report
	}
	report.Sent = true
	if counts && class == qlik.ClassReload {
		w.Calls = append(w.Calls, w.now)
	}
	err := w.tenant.answer(&report, w.now)
	report.Verdict = Judge(err, command.Kind != KindCall || command.repeatable())
	if err == nil && report.Reload != nil && command.Kind == KindCall {
		w.started(command)
	}
	return report
}

// started counts a reload, and how long the triggers waited that it covers.
func (w *forecasting) started(command Command) {
	w.Reloads = append(w.Reloads, Reloaded{App: command.Step.Args.App, At: w.now})
	for _, trigger := range w.waiting[command.Run] {
		w.Waits = append(w.Waits, Waited{At: trigger.at, Wait: w.now.Sub(trigger.at)})
		w.Asked += trigger.reloads
	}
	delete(w.waiting, command.Run)
}

// resolve makes arguments of the events and results that they need, as a worker does.
func (w *forecasting) resolve(report *Report) {
	command := report.Command
	event := func(sequence uint64) rules.Event { return w.journal[sequence-1] }
	var err error
	if command.Parts != nil {
		views := map[string]rules.Event{}
		for part, sequence := range command.Parts {
			views[part] = event(sequence)
		}
		report.Steps, err = rules.ResolveParts(command.Steps, views, command.Results)
	} else {
		report.Step, err = rules.Resolve(command.Step, event(command.Cause), command.Results)
	}
	if report.Verdict = Judge(nil, true); err != nil {
		report.Verdict = Verdict{Kind: VerdictFail, Text: err.Error()}
	}
}

// land brings the answers that have come by now.
func (w *forecasting) land() {
	for len(w.flying) > 0 && !w.flying[0].at.After(w.now) {
		report := w.flying[0].report
		w.flying = w.flying[1:]
		w.s.Done(w.now, report)
		if report.Sent {
			w.breaker.answered(w.now, report, &w.Open)
		}
		w.s.Breaker(w.now, w.breaker.open, w.breaker.probeAt, report.Verdict)
	}
}
