package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A tenant is Qlik as far as a dispatcher can tell, with every fault it may have.
type tenant struct {
	w       *world
	cloud   bool          // its dialect
	echo    bool          // it keeps resource ids
	lag     time.Duration // its lists show a reload so late
	shy     time.Duration // it denies an app so long after it was made
	down    bool
	locked  bool // refuses our credentials
	reloads []*tenantReload
	apps    []*tenantApp    // copied and published
	refused map[string]bool // reloads that it did not let us see
	calls   map[qlik.Class][]time.Time
	from    time.Time // calls count from here
	transit []arrival
	places  map[string]string // where apps were moved to
	gone    map[string]bool   // apps that were deleted
	held    map[string]bool   // steps whose assertion held
	ids     int
}

// A tenantReload is one reload that Qlik has taken.
type tenantReload struct {
	qlik.Reload
	owner string // run and step; "" = somebody else's
	run   string
	ends  time.Time
	how   qlik.ReloadStatus
	gone  bool
}

// A tenantApp is an app that was copied or published.
type tenantApp struct {
	id, source, space, mark string
	made, published         time.Time
	owner                   string // run and step that made it anew
}

// An arrival is a call whose answer is lost already, on its way.
type arrival struct {
	at      time.Time
	command Command
}

func newTenant(w *world) *tenant {
	return &tenant{w: w, cloud: w.chance(2), echo: w.chance(3), lag: w.seconds(int(w.limits.Lag/time.Second)) * time.Duration(w.IntN(2)), shy: w.seconds(int(w.limits.Young/time.Second)) * time.Duration(w.IntN(2)), calls: map[qlik.Class][]time.Time{}, refused: map[string]bool{},
		places: map[string]string{}, gone: map[string]bool{}, held: map[string]bool{}}
}

// send lets a call arrive later.
func (q *tenant) send(command Command, at time.Time) {
	q.transit = append(q.transit, arrival{at, command})
}

// arrivals carries out the calls that have arrived meanwhile.
func (q *tenant) arrivals() {
	var left []arrival
	for _, a := range q.transit {
		if a.at.After(q.w.now) {
			left = append(left, a)
			continue
		}
		if _, err := q.take(a.command, &Report{}, a.at); err != nil {
			continue // nobody hears the answer
		}
	}
	q.transit = left
}

var errCut = errors.New("connection reset")

// fault draws what goes wrong with a call; arrives says whether it reaches Qlik
// nevertheless, and when.
func (q *tenant) fault(command Command) (err *qlik.Error, arrives bool, after time.Duration) {
	w := q.w
	switch {
	case w.calm:
		return nil, true, 0
	case q.down:
		return &qlik.Error{Status: 503, Sent: true}, false, 0
	case q.locked:
		return &qlik.Error{Status: 401, Sent: true}, false, 0
	}
	switch n := w.IntN(100); {
	case n < 4:
		return &qlik.Error{Sent: true, Err: context.DeadlineExceeded}, false, 0
	case n < 9:
		return &qlik.Error{Sent: true, Err: errCut}, true, 0
	case n < 14:
		return &qlik.Error{Sent: true, Err: context.DeadlineExceeded}, true, w.seconds(int(w.limits.Grace / time.Second))
	case n < 17:
		return &qlik.Error{Status: 503, Sent: true}, w.chance(2), 0
	case n < 20:
		return &qlik.Error{Status: 429, Code: qlik.CodeRateLimit, Sent: true, RetryAfter: 5 * time.Second}, false, 0
	case n < 23:
		return &qlik.Error{Err: errCut}, false, 0
	case n < 24:
		q.locked = true
		return &qlik.Error{Status: 401, Sent: true}, false, 0
	case n < 25:
		return &qlik.Error{Status: 403, Sent: true}, false, 0
	case n < 26 && command.Step.Action == rules.Reload && command.Kind == KindCall:
		return &qlik.Error{Status: 403, Code: qlik.CodeFrequency, Sent: true}, false, 0
	}
	return nil, true, 0
}

// carryOut sends a command and notes its answer.
func (q *tenant) carryOut(f *flight) {
	command, report := f.command, &f.report
	if command.Kind == KindResolve {
		q.resolve(command, report)
		return
	}
	if command.Step.Action == rules.Emit {
		report.Sent, report.Verdict = false, Verdict{Kind: VerdictDone}
		return
	}
	fault, arrives, after := q.fault(command)
	idempotent := command.Kind != KindCall || command.repeatable()
	var err error
	switch {
	case arrives && after > 0 && (command.Kind == KindCall || command.Kind == KindCancel):
		q.send(command, q.w.now.Add(after))
	case arrives:
		if _, failure := q.take(command, report, q.w.now); failure != nil {
			err = failure
		}
	case fault.Status != 0:
		q.count(command, q.w.now)
	}
	if fault != nil {
		q.refused[command.ReloadID] = q.refused[command.ReloadID] || fault.Status == 403
		report.Sent = fault.Sent
		report.Reload, report.Listed, report.Result, report.Mode = nil, nil, Result{}, ""
		err = fault
	}
	report.Verdict = Judge(err, idempotent)
}

// resolve evaluates late arguments; sometimes they cannot be.
func (q *tenant) resolve(command Command, report *Report) {
	report.Verdict = Verdict{Kind: VerdictDone}
	if report.Step = command.Step; command.Parts != nil {
		q.resolveJoin(command, report)
	} else {
		q.resolveStep(command, report)
	}
	switch {
	case q.w.calm:
	case q.w.chance(12):
		report.Verdict = Verdict{Kind: VerdictFail, Reason: events.ReasonBadArgument}
	case q.w.chance(6):
		report.Verdict = Verdict{Kind: VerdictAgain, Reason: events.ReasonTransport}
	}
}

func (q *tenant) resolveStep(command Command, report *Report) {
	report.Step.Args.App, _ = command.Results["one"]["app_id"].(string)
	report.Step.Late = nil
}

// take is a call that arrives at Qlik.
func (q *tenant) take(command Command, report *Report, at time.Time) (*Report, error) {
	q.count(command, at)
	switch command.Kind {
	case KindCall:
		q.inOrder(command)
		if q.denies(command.Step.Args.App, at) {
			return report, &qlik.Error{Status: []int{403, 404}[q.w.IntN(2)], Sent: true}
		}
		switch command.Step.Action {
		case rules.Reload:
			return report, q.startReload(command, report, at)
		case rules.Copy:
			q.copyApp(command, report, at)
		case rules.Publish:
			return report, q.publish(command, report, at)
		case rules.Move, rules.Delete:
			return report, q.put(command, report)
		case rules.Assert:
			return report, q.assert(command)
		}
	case KindPoll, KindLook:
		report.Identity = "us"
		return report, q.poll(command, report, at)
	case KindName:
		report.Result, report.Space = Result{AppID: command.Step.Args.App, AppName: "name of " + command.Step.Args.App}, "space"
	case KindLog:
		report.Excerpt = "log of " + command.ReloadID
	case KindReconcile:
		q.look(command, report, at)
	case KindFind:
		q.find(command, report, at)
	case KindCancel:
		q.cancel(command, at)
	}
	return report, nil
}

// count holds I4: never more calls of a class in any window than Qlik allows.
func (q *tenant) count(command Command, at time.Time) {
	class, counts := command.class()
	if !counts || at.Before(q.from) || command.Kind == KindFind && !q.cloud {
		return
	}
	if q.w.talks {
		q.w.say("%s of %s reaches Qlik, %s", command.Kind, owner(command), command.Step.Args.App)
	}
	q.calls[class] = append(q.calls[class], at)
	rate := q.w.limits.Quota[class]
	inside := 0
	for _, call := range q.calls[class] {
		if d := at.Sub(call); d < rate.Per && d > -rate.Per {
			inside++
		}
	}
	if inside > rate.Calls {
		q.w.violated("I4", "%d calls of %s within %s", inside, class, rate.Per)
	}
}

// forgetCalls counts no call that was made until now, even if it arrives later.
func (q *tenant) forgetCalls() {
	limits := q.w.limits
	q.from = q.w.now.Add(limits.Bound + limits.Slow + limits.Grace)
}

func owner(command Command) string { return fmt.Sprintf("%s/%d", command.Run, command.Index) }
