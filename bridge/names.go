package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// nameAgain is how long an app whose name Qlik did not give is not asked about.
const nameAgain = 10 * time.Minute

// namers find out what apps are called and where they are, so that outcomes can say
// so: one app at a time, when nothing else is to be done, and with no more than half
// of the quota of reads. No outcome waits for it.
type namers struct {
	waiting []string        // apps, in the order in which they came
	queued  map[string]bool // these
	asking  bool
}

// nameless says whether an app's name is not known, or was read so long ago that it
// may have changed, and was not asked for just now.
func (s *Scheduler) nameless(app string, now time.Time) bool {
	if app == "" || s.limits.Names == 0 {
		return false
	}
	known := s.apps[app]
	if known == nil {
		return true
	}
	fresh := known.Name != "" && now.Sub(time.UnixMilli(known.Read)) < s.limits.Names
	return !fresh && now.Sub(known.tried) >= nameAgain
}

// wonder has the names found out of the apps of a run.
func (s *Scheduler) wonder(run *Run, now time.Time) {
	for i := range run.Plan.Steps {
		app := run.Plan.Steps[i].Args.App
		if run.Steps[i].State.Ended() || s.namers.queued[app] || !s.nameless(app, now) {
			continue
		}
		s.namers.queued[app] = true
		s.namers.waiting = append(s.namers.waiting, app)
	}
}

// askName asks for the name of an app when nothing of our own is to be done.
func (s *Scheduler) askName(now, again time.Time) (Command, time.Time) {
	n := &s.namers
	for len(n.waiting) > 0 && !s.nameless(n.waiting[0], now) {
		delete(n.queued, n.waiting[0])
		n.waiting = n.waiting[1:]
	}
	if n.asking || len(n.waiting) == 0 {
		return Command{}, again
	}
	at, ok := s.quota[qlik.ClassRead].spare(now)
	if !ok {
		return Command{}, again
	}
	if at.After(now) {
		return Command{}, earlier(again, at)
	}
	app := n.waiting[0]
	n.waiting, n.asking = n.waiting[1:], true
	delete(n.queued, app)
	return s.aside(Command{Kind: KindName, Step: rules.Step{Args: rules.Args{App: app}}}, now), now
}

// aside issues a command that no run waits in a queue for.
func (s *Scheduler) aside(command Command, now time.Time) Command {
	s.quota[qlik.ClassRead].sent()
	s.setAside(qlik.ClassRead, command.Kind, now)
	command.At = now
	return command
}

// named takes in what Qlik says an app is called.
func (s *Scheduler) named(now time.Time, report Report) {
	app := report.Command.Step.Args.App
	if report.Verdict.Kind == VerdictDone && report.Result.AppName != "" {
		s.noteApp(app, report.Result.AppName, report.Space, now)
	} else {
		s.about(app).tried = now
	}
	if report.Command.ReloadID != "" {
		s.looked(now, report)
		return
	}
	s.namers.asking = false
}

// noteApp remembers what an app is called and where it is.
func (s *Scheduler) noteApp(app, name, space string, now time.Time) {
	known := s.about(app)
	known.Name, known.Space, known.Read = name, space, now.UnixMilli()
	s.learned[app] = true
}

// noteResult remembers what the call of a step said of an app.
func (s *Scheduler) noteResult(plan rules.Step, result Result, now time.Time) {
	if s.limits.Names == 0 || result.AppID == "" || result.AppName == "" {
		return
	}
	switch plan.Action {
	case rules.Copy, rules.Publish, rules.Move:
		s.noteApp(result.AppID, result.AppName, plan.Args.Space, now)
	}
}
