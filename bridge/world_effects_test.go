package bridge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// startReload holds I2, one reload for each step unless its policy has one that ended
// badly started again, I3, one of each app at once, and I6, no more than it may be.
func (q *tenant) startReload(command Command, report *Report, at time.Time) error {
	who := owner(command)
	app := command.Step.Args.App
	for _, r := range q.reloads {
		if r.owner == who && !r.gone && !q.w.retried(command.Run) && !q.w.claimed(r) && !q.w.restarts(r, at) && !q.w.madeOutAnew(r, app) {
			q.w.violated("I2", "step %s is started again", who)
		}
		if r.AppID != app || r.gone || !at.Before(r.ends) {
			continue
		}
		if r.owner != "" && r.owner != who && !q.w.over(r.run) && !q.w.over(command.Run) && !q.w.forgotten(r) {
			q.w.violated("I3", "%s reloads app %s while %s does", who, app, r.owner)
		}
		return &qlik.Error{Status: 429, Code: qlik.CodePending, Sent: true}
	}
	q.budgets(app, at)
	r := q.newReload(app, at)
	r.owner, r.run = who, command.Run
	q.w.triedOften(r)
	if q.echo && q.cloud {
		r.ResourceID = ResourceID(command.Token)
	}
	now := r.as(at)
	report.Reload = &now
	return nil
}

// budgets holds that an app's interval and the daily budgets are kept to, as far as
// calls may arrive late.
func (q *tenant) budgets(app string, at time.Time) {
	if at.Before(q.from) {
		return
	}
	late := q.w.limits.late(qlik.ClassReload)
	limit := q.w.limits.Apps[app]
	ofApp, ofAll := 1, 1
	seen := map[string]bool{} // two starts of an app in one millisecond are taken for one
	for _, r := range q.reloads {
		run, _, _ := strings.Cut(r.owner, "/")
		if r.owner == "" || r.CreationTime.Before(q.from) || at.Sub(r.CreationTime) > day-late || q.w.retried(run) {
			continue // a person who has a call made again says that it started nothing
		}
		start := fmt.Sprint(r.AppID, r.CreationTime.UnixMilli())
		if seen[start] {
			continue
		}
		seen[start] = true
		ofAll++
		if r.AppID != app {
			continue
		}
		ofApp++
		if apart := at.Sub(r.CreationTime); apart < limit.MinInterval-late {
			q.w.violated("I4", "app %s is reloaded again after %s", app, apart)
		}
	}
	if limit.DailyBudget > 0 && ofApp > limit.DailyBudget || q.w.limits.DailyBudget > 0 && ofAll > q.w.limits.DailyBudget {
		q.w.violated("I4", "%d reloads of app %s in a day, %d of all apps", ofApp, app, ofAll)
	}
}

// newReload makes a reload with a fate of its own.
func (q *tenant) newReload(app string, at time.Time) *tenantReload {
	q.ids++
	how := []qlik.ReloadStatus{qlik.ReloadSucceeded, qlik.ReloadSucceeded, qlik.ReloadSucceeded, qlik.ReloadSucceeded,
		qlik.ReloadSucceeded, qlik.ReloadFailed, qlik.ReloadCanceled, qlik.ReloadExceededLimit}[q.w.IntN(8)]
	r := &tenantReload{ends: at.Add(q.w.seconds(60) + time.Millisecond), how: how} // none takes no time
	r.Reload = qlik.Reload{ID: fmt.Sprint("r", q.ids), AppID: app, Type: qlik.TypeExternal, UserID: "us", CreationTime: at}
	q.reloads = append(q.reloads, r)
	return r
}

// somebody else reloads an app, by hand or by schedule.
func (q *tenant) somebody(app string) {
	for _, r := range q.reloads {
		if r.AppID == app && !r.gone && q.w.now.Before(r.ends) {
			return
		}
	}
	r := q.newReload(app, q.w.now)
	if r.UserID = "them"; q.w.chance(2) {
		r.UserID, r.Type = "us", "hub"
	}
}

// as is how a reload stands at a time.
func (r *tenantReload) as(now time.Time) qlik.Reload {
	reload := r.Reload
	reload.Status = qlik.ReloadQueued
	if now.Sub(r.CreationTime) > 2*time.Second {
		reload.Status, reload.StartTime = qlik.ReloadReloading, r.CreationTime.Add(2*time.Second)
	}
	if !now.Before(r.ends) {
		reload.Status, reload.EndTime = r.how, r.ends
	}
	return reload
}

func (q *tenant) poll(command Command, report *Report, at time.Time) error {
	for _, r := range q.reloads {
		if r.ID == command.ReloadID && !r.gone {
			now := r.as(at)
			report.Reload = &now
			return nil
		}
	}
	return &qlik.Error{Status: 404, Sent: true}
}

func (q *tenant) cancel(command Command, at time.Time) {
	for _, r := range q.reloads {
		if r.ID == command.ReloadID && at.Before(r.ends) {
			r.ends, r.how = at.Add(time.Second), qlik.ReloadCanceled
		}
	}
}

// look answers a reconcile.
func (q *tenant) look(command Command, report *Report, at time.Time) {
	report.Identity = "us"
	switch command.Step.Action {
	case rules.Reload:
		for _, r := range q.reloads {
			if r.AppID == command.Step.Args.App && !r.gone && at.Sub(r.CreationTime) >= q.lag {
				report.Listed = append(report.Listed, r.as(at))
			}
		}
	case rules.Copy:
		for _, app := range q.apps {
			if q.cloud && app.mark == command.Token {
				report.Result = Result{AppID: app.id}
			}
		}
	case rules.Move:
		if q.places[command.Step.Args.App] == command.Step.Args.Space {
			report.Result = Result{AppID: command.Step.Args.App}
		}
	case rules.Delete:
		if q.gone[command.Step.Args.App] {
			report.Result = Result{AppID: command.Step.Args.App}
		}
	case rules.Publish:
		twin := q.twin(command.Step.Args)
		if twin == nil {
			return
		}
		if !q.cloud {
			twin.published = at // it looks by publishing again
		}
		if !twin.published.Before(command.Since.Add(-clockSlack)) {
			report.Result = Result{AppID: twin.id}
		}
	}
}

func (q *tenant) find(command Command, report *Report, at time.Time) {
	if !q.cloud {
		report.Sent, report.Mode = false, PublishTry
		return
	}
	report.Mode = PublishNew
	if twin := q.twin(command.Step.Args); twin != nil && at.Sub(twin.made) >= q.lag {
		report.Mode, report.Result.AppID = PublishReplace, twin.id
	}
}

// twin is the app published from another into a space.
func (q *tenant) twin(args rules.Args) *tenantApp {
	for _, app := range slices.Backward(q.apps) {
		if app.source == args.App && app.space == args.Space && !app.published.IsZero() {
			return app
		}
	}
	return nil
}

// copyApp holds I2: one copy for each step.
func (q *tenant) copyApp(command Command, report *Report, at time.Time) {
	q.anew(command, &tenantApp{source: command.Step.Args.App, mark: command.Token, made: at}, report)
}

// denies says whether an app was made so shortly before that it is not known yet.
func (q *tenant) denies(id string, at time.Time) bool {
	return slices.ContainsFunc(q.apps, func(app *tenantApp) bool { return app.id == id && at.Sub(app.made) < q.shy })
}

// anew makes an app, which a step does once.
func (q *tenant) anew(command Command, app *tenantApp, report *Report) {
	q.ids++
	app.id, app.owner = fmt.Sprint("made-", q.ids), owner(command)
	for _, other := range q.apps {
		if other.owner == app.owner && !q.w.retried(command.Run) {
			q.w.violated("I2", "step %s makes a second app", app.owner)
		}
	}
	q.apps = append(q.apps, app)
	report.Result = Result{AppID: app.id}
}

// publish holds I9: what a run publishes, its earlier steps have reloaded.
func (q *tenant) publish(command Command, report *Report, at time.Time) error {
	args := command.Step.Args
	if run := q.w.active[command.Run]; run != nil && !q.w.retried(run.ID) {
		q.reloaded(run, command)
	}
	if command.Mode == PublishNew {
		q.once(command)
		q.anew(command, &tenantApp{source: args.App, space: args.Space, made: at, published: at}, report)
		return nil
	}
	twin := q.twin(args)
	if twin == nil && args.Target == "" {
		return &qlik.Error{Status: 404, Sent: true}
	}
	if twin == nil {
		twin = &tenantApp{id: args.Target, source: args.App, space: args.Space}
		q.apps = append(q.apps, twin)
	}
	twin.published = at
	report.Result = Result{AppID: twin.id, Replaced: true}
	return nil
}

// once holds I2 for publishing: an app that was published to a space, as a run is known
// to have done, is replaced there.
func (q *tenant) once(command Command) {
	for _, app := range q.apps {
		if app.source != command.Step.Args.App || app.space != command.Step.Args.Space || q.w.retried(command.Run) || !q.w.restored.At.IsZero() {
			continue
		}
		id, _, _ := strings.Cut(app.owner, "/")
		if run := q.w.runOf(id); run != nil && slices.ContainsFunc(run.Steps, func(s StepRecord) bool { return s.State == StepSucceeded && s.Result.AppID == app.id }) {
			q.w.violated("I2", "step %s publishes app %s anew, which run %s has published", owner(command), app.source, id)
		}
	}
}

func (q *tenant) reloaded(run *Run, command Command) {
	for i := range command.Index {
		if run.Plan.Steps[i].Action == rules.Assert && !q.held[fmt.Sprintf("%s/%d", run.ID, i)] {
			q.w.violated("I9", "run %s publishes app %s whose data was not as asserted", run.ID, command.Step.Args.App)
		}
		if run.Plan.Steps[i].Action != rules.Reload {
			continue
		}
		id := run.Steps[i].Result.ReloadID
		ok := slices.ContainsFunc(q.reloads, func(r *tenantReload) bool {
			return r.ID == id && r.how == qlik.ReloadSucceeded && !q.w.now.Before(r.ends)
		})
		if !ok {
			q.w.violated("I9", "run %s publishes app %s without a reload that succeeded", run.ID, command.Step.Args.App)
		}
	}
}
