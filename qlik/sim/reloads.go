package sim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A reload is one reload, whose whole course is known when it is created.
type reload struct {
	id, appID, userID, kind  string
	partial                  bool
	weight                   int
	variables                map[string]string
	resourceID, resourceType string

	course course // what its script does
	before data   // what the app held

	created, starts, ends time.Time
	outcome               qlik.ReloadStatus // at its end, unless it is cancelled
	errorCode, errorText  string
	cancelAt, canceled    time.Time // when it was asked to stop, and when it has; zero: not asked
}

// end is when the reload ends, in whatever way.
func (x *reload) end() time.Time {
	if !x.canceled.IsZero() && x.canceled.Before(x.ends) {
		return x.canceled
	}
	return x.ends
}

// status is how far the reload is.
func (x *reload) status(now time.Time) qlik.ReloadStatus {
	switch end := x.end(); {
	case !now.Before(end) && end.Equal(x.canceled):
		return qlik.ReloadCanceled
	case !now.Before(end):
		return x.outcome
	case !x.cancelAt.IsZero():
		return qlik.ReloadCanceling
	case !now.Before(x.starts):
		return qlik.ReloadReloading
	}
	return qlik.ReloadQueued
}

// fail lets the reload end as failed.
func (x *reload) fail(code, text string, at time.Time) {
	x.outcome, x.errorCode, x.errorText = qlik.ReloadFailed, code, text
	if at.Before(x.ends) {
		x.ends, x.starts = at, earlier(x.starts, at)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// reloadRequest is what a reload is asked for with. Variables are an array in
// the document and an object in the live service.
type reloadRequest struct {
	AppID                    string
	Partial                  bool
	Weight                   float64
	ResourceID, ResourceType string
	Variables                json.RawMessage
}

// variables reads the variables in either dialect.
func (q reloadRequest) variables() map[string]string {
	set := map[string]string{}
	var list []struct{ Name, Value string }
	if json.Unmarshal(q.Variables, &list) == nil {
		for _, v := range list {
			set[v.Name] = v.Value
		}
		return set
	}
	_ = json.Unmarshal(q.Variables, &set) // it was held against the document
	return set
}

func (t *Tenant) reloadApp(r *request) answer {
	var asked reloadRequest
	t.decode(r, &asked)
	a, found := t.apps.byID[asked.AppID]
	switch {
	case !found && t.cfg.Dialect == qlik.Cloud:
		return *t.notFound("App", asked.AppID)
	case !found || !t.may(r.user, mayReload, a): // the document knows no 404 here
		return t.fail(http.StatusForbidden, "RELOADS-003", "You have no right to reload app "+asked.AppID+".")
	case !t.cfg.QueueReloads && t.pending(a.id):
		return t.fail(http.StatusTooManyRequests, qlik.CodePending, "A pending reload request already exists for this app.")
	case t.cfg.DailyReloads > 0 && t.startedSince(a.id, r.now.Add(-24*time.Hour)) >= t.cfg.DailyReloads:
		return t.fail(http.StatusForbidden, qlik.CodeFrequency, "The reload frequency quota of this app is met.")
	}
	x := t.start(r, a, asked)
	r.call.ReloadID = x.id
	return ok(http.StatusCreated, t.showReload(r, x))
}

// pending says that an app has a reload that has not ended.
func (t *Tenant) pending(appID string) bool {
	for _, x := range t.running {
		if x.appID == appID {
			return true
		}
	}
	return false
}

// startedSince counts the reloads of an app that were created since then.
func (t *Tenant) startedSince(appID string, since time.Time) int {
	n := 0
	for _, x := range slices.Backward(t.reloadsOf[appID]) {
		if !x.created.After(since) {
			break
		}
		n++
	}
	return n
}

// start makes a reload and decides its whole course.
func (t *Tenant) start(r *request, a *app, asked reloadRequest) *reload {
	x := &reload{
		id: t.newID(), appID: a.id, userID: r.user.id, kind: qlik.TypeExternal, partial: asked.Partial,
		weight: max(1, int(asked.Weight)), variables: asked.variables(),
		resourceID: asked.ResourceID, resourceType: asked.ResourceType,
		course: readScript(t.words, a.script()), created: r.now, outcome: qlik.ReloadSucceeded,
	}
	begin := r.now
	for _, other := range t.running { // only with QueueReloads
		if other.appID == x.appID && other.end().After(begin) {
			begin = other.end()
		}
	}
	takes := float64(t.cfg.ReloadTime) * (1 + t.cfg.Spread*(2*t.ids.Float64()-1))
	x.starts = begin.Add(time.Duration(takes / 10)).Truncate(time.Millisecond)
	x.ends = begin.Add(time.Duration(takes) + x.course.sleep).Truncate(time.Millisecond)
	if x.course.broken != "" {
		x.fail("ScriptError", x.course.broken, x.ends)
	}
	if code := t.failure(r); code != "" {
		x.fail(code, "failed to complete reload: "+code, x.ends)
	}
	if limit := x.starts.Add(t.cfg.MaxReload); x.ends.After(limit) {
		x.ends, x.outcome = limit, qlik.ReloadExceededLimit
	}
	t.reloads.add(x.id, x)
	t.reloadsOf[a.id] = append(t.reloadsOf[a.id], x)
	t.running[x.id] = x
	t.arm(r.now)
	return x
}

// settle lets the reloads that have ended take effect, in the order of their ends.
func (t *Tenant) settle(now time.Time) {
	var ended []*reload
	for _, x := range t.running {
		if x.status(now).Ended() {
			ended = append(ended, x)
		}
	}
	slices.SortFunc(ended, func(a, b *reload) int {
		return cmp.Or(a.end().Compare(b.end()), strings.Compare(a.id, b.id))
	})
	for _, x := range ended {
		delete(t.running, x.id)
		a, found := t.apps.byID[x.appID]
		if found {
			x.before = a.data
		}
		if found && x.status(now) == qlik.ReloadSucceeded {
			a.lastReload = x.end()
			a.data = a.data.after(x.course, x.partial, x.end().Sub(x.starts))
		}
		t.announce(x, a, now)
	}
}
