package bridge

import (
	"fmt"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// An AppLimit is what an operator allows one app.
type AppLimit struct {
	MinInterval time.Duration // between the starts of two reloads, at most a day; 0 = none
	DailyBudget int           // reloads started in any 24 hours, at most MostDaily; 0 = no limit
}

// MostDaily is the highest daily budget of an app: more starts of one are not
// remembered. Qlik itself allows about 192.
const MostDaily = 2000

// day is how far back starts count.
const day = 24 * time.Hour

// allApps stands for all apps of the tenant where an app's id is asked for.
const allApps = ""

// How far a budget was told to be used up.
const (
	toldNothing = iota
	toldWarned
	toldExhausted
)

// budget returns how many reloads may be started in 24 hours; 0 = as many as may be.
func (s *Scheduler) budget(app string) int {
	if app == allApps {
		return s.limits.DailyBudget
	}
	return s.limits.Apps[app].DailyBudget
}

// warnAt is how many of a budget are four fifths of it.
func warnAt(budget int) int { return (budget*4 + 4) / 5 }

// startable returns when a reload of an app may be started as far as the app's
// interval and the budgets say, and which of them says so.
func (s *Scheduler) startable(app string, now time.Time) (at time.Time, why Wait) {
	if interval := s.limits.Apps[app].MinInterval; interval > 0 {
		if starts := s.about(app).Starts; len(starts) > 0 {
			last := time.UnixMilli(starts[len(starts)-1])
			if last.After(now) {
				last = now // the clock was set back since
			}
			at, why = last.Add(interval), WaitInterval
		}
	}
	for _, id := range []string{app, allApps} {
		if free := s.budgetFree(id, now); free.After(at) {
			at, why = free, WaitBudget
		}
	}
	return at, why
}

// budgetFree returns when a budget allows one more start; zero = it does now.
func (s *Scheduler) budgetFree(id string, now time.Time) time.Time {
	budget := s.budget(id)
	if budget == 0 {
		return time.Time{}
	}
	starts := s.about(id).Starts
	if len(starts) < budget {
		return time.Time{}
	}
	oldest := time.UnixMilli(starts[len(starts)-budget])
	if oldest.After(now) {
		oldest = now
	}
	if free := oldest.Add(day); free.After(now) {
		return free
	}
	return time.Time{}
}

// tooSoon says whether the run is about to start a reload that has to wait.
func (s *Scheduler) tooSoon(t *task, now time.Time) bool {
	plan := t.run().Plan.Steps[t.run().current()]
	if t.want != KindCall || plan.Action != rules.Reload {
		return false
	}
	at, _ := s.startable(plan.Args.App, now)
	return at.After(now)
}

// countStart counts a start of an app's reload.
func (s *Scheduler) countStart(app string, at time.Time) {
	if s.about(app).start(at.UnixMilli(), true) {
		s.about(allApps).start(at.UnixMilli(), false)
	}
}

// uncountStart takes back a start that Qlik refused.
func (s *Scheduler) uncountStart(app string, at time.Time) {
	for _, id := range []string{app, allApps} {
		record := s.about(id)
		if i, known := slices.BinarySearch(record.Starts, at.UnixMilli()); known {
			record.Starts = slices.Delete(record.Starts, i, i+1)
		}
	}
}

// spend counts the start of a run's reload now, and tells where a budget is used
// up by it.
func (s *Scheduler) spend(app string, now time.Time) {
	s.countStart(app, now)
	for _, id := range []string{app, allApps} {
		record, budget := s.about(id), s.budget(id)
		record.forget(now)
		used := record.within(now)
		level := levelOf(used, budget)
		switch {
		case level == toldNothing:
			record.Told = toldNothing
		case level > record.Told:
			record.Told = level
			s.tellBudget(id, now, used)
		}
	}
}

// levelOf returns what is to be told of a budget of which so much is used.
func levelOf(used, budget int) int {
	switch {
	case budget == 0 || used < warnAt(budget):
		return toldNothing
	case used < budget:
		return toldWarned
	}
	return toldExhausted
}

// tellBudget tells that a budget is used up, or nearly.
func (s *Scheduler) tellBudget(id string, now time.Time, used int) {
	kind, what := events.TypeBudgetWarned, "warned"
	record := s.about(id)
	if record.Told == toldExhausted {
		kind, what = events.TypeBudgetExhausted, "exhausted"
	}
	data := events.BudgetData{Tenant: s.names.Tenant, Budget: s.budget(id), Used: used, FreeAt: s.budgetFree(id, now)}
	subject := "tenants/" + s.names.Tenant
	if id != allApps {
		app := s.app(id, "")
		data.App, subject = &app, "apps/"+id
	}
	s.tell(events.Head{
		ID:   fmt.Sprintf("%s/budget/%s/%d/%s", s.names.Tenant, events.Token(id), now.UnixMilli(), what),
		Type: kind, Subject: subject, Key: id, Time: now,
	}, data)
}

// recallBudgets puts starts that are known from several records in order, once all
// of them are, and takes for told what they show.
func (s *Scheduler) recallBudgets(now time.Time) {
	for id, record := range s.apps {
		record.Told = max(record.Told, levelOf(record.within(now), s.budget(id)))
	}
}

// recallStarts counts the reloads that a run's record shows to have been started.
func (s *Scheduler) recallStarts(run *Run) {
	for i := range run.Steps {
		if run.Plan.Steps[i].Action != rules.Reload {
			continue
		}
		for _, attempt := range run.Steps[i].Attempts {
			if attempt.started() {
				s.countStart(run.Plan.Steps[i].Args.App, attempt.CalledAt)
			}
		}
	}
}

// started says whether the attempt at a reload has started one, or may have.
func (a Attempt) started() bool {
	return a.Sent && (a.AnsweredAt.IsZero() || a.Lost || a.Reason == "")
}

// start adds a start, unless it is known and to be there once.
func (a *AppRecord) start(at int64, once bool) bool {
	i, known := slices.BinarySearch(a.Starts, at)
	if known && once {
		return false
	}
	a.Starts = slices.Insert(a.Starts, i, at)
	return true
}

// within returns how many starts count now. One of the future, as after a step of
// the clock, does.
func (a *AppRecord) within(now time.Time) int {
	since, _ := slices.BinarySearch(a.Starts, now.Add(-day).UnixMilli()+1)
	return len(a.Starts) - since
}

// forget drops starts that count no more.
func (a *AppRecord) forget(now time.Time) {
	a.Starts = a.Starts[len(a.Starts)-a.within(now):]
	if a.App != allApps {
		a.Starts = a.Starts[max(0, len(a.Starts)-MostDaily):]
	}
}
