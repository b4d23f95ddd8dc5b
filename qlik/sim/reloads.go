package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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

	created, starts, ends time.Time
	outcome               qlik.ReloadStatus // at its end, unless it is cancelled
	errorCode, errorText  string
	cancelAt, canceled    time.Time // when it was asked to stop, and when it has; zero: not asked
}

// end is when the reload ends, in whatever way.
func (r *reload) end() time.Time {
	if !r.canceled.IsZero() && r.canceled.Before(r.ends) {
		return r.canceled
	}
	return r.ends
}

// status is how far the reload is.
func (r *reload) status(now time.Time) qlik.ReloadStatus {
	switch end := r.end(); {
	case !now.Before(end) && end.Equal(r.canceled):
		return qlik.ReloadCanceled
	case !now.Before(end):
		return r.outcome
	case !r.cancelAt.IsZero():
		return qlik.ReloadCanceling
	case !now.Before(r.starts):
		return qlik.ReloadReloading
	}
	return qlik.ReloadQueued
}

// state tells about the reload for the control plane.
func (r *reload) state(now time.Time) ReloadState {
	s := ReloadState{
		ID: r.id, AppID: r.appID, Status: string(r.status(now)), Partial: r.partial, Variables: r.variables, CreationTime: r.created,
	}
	if !now.Before(r.starts) && r.starts.Before(r.end()) {
		s.StartTime = r.starts
	}
	if r.status(now).Ended() {
		s.EndTime = r.end()
	}
	if s.Status == string(qlik.ReloadFailed) {
		s.ErrorCode = r.errorCode
	}
	return s
}

// reloadBody is a reload on the wire.
type reloadBody struct {
	ID           string            `json:"id"`
	AppID        string            `json:"appId"`
	TenantID     string            `json:"tenantId"`
	UserID       string            `json:"userId"`
	Type         string            `json:"type"`
	Status       qlik.ReloadStatus `json:"status"`
	Partial      bool              `json:"partial"`
	Weight       int               `json:"weight,omitempty"`
	Log          string            `json:"log,omitempty"`
	CreationTime moment            `json:"creationTime"`
	StartTime    moment            `json:"startTime,omitzero"`
	EndTime      moment            `json:"endTime,omitzero"`
	Duration     string            `json:"duration,omitempty"`
	EngineTime   string            `json:"engineTime,omitempty"`
	ErrorCode    string            `json:"errorCode,omitempty"`
	ErrorMessage string            `json:"errorMessage,omitempty"`
	ResourceID   string            `json:"resourceId,omitempty"`
	ResourceType string            `json:"resourceType,omitempty"`
	Links        reloadLinks       `json:"links"`
}

type reloadLinks struct {
	Self href `json:"self"`
}

// showReload gives a reload as it is now.
func (t *Tenant) showReload(r *request, x *reload) reloadBody {
	s := x.state(r.now)
	b := reloadBody{
		ID: x.id, AppID: x.appID, TenantID: t.id, UserID: x.userID, Type: x.kind, Status: x.status(r.now), Partial: x.partial,
		CreationTime: moment(x.created), StartTime: moment(s.StartTime), EndTime: moment(s.EndTime),
		Links: reloadLinks{r.link("/reloads/" + x.id)},
	}
	ran := s.EndTime.Sub(s.StartTime)
	known := !s.EndTime.IsZero() && !s.StartTime.IsZero()
	if t.cfg.Dialect == qlik.OpenAPI {
		if known {
			b.Duration = fmt.Sprintf("PT%gS", ran.Seconds())
			b.EngineTime = strconv.FormatInt(ran.Milliseconds(), 10)
		}
		return b
	}
	b.Weight, b.ResourceID, b.ResourceType = x.weight, x.resourceID, x.resourceType
	switch b.Status {
	case qlik.ReloadSucceeded:
		b.EngineTime = s.EndTime.Format(time.RFC3339Nano)
	case qlik.ReloadFailed:
		b.ErrorCode, b.ErrorMessage = x.errorCode, x.errorText
	}
	return b
}

// reloadRequest is what a reload is asked for with.
type reloadRequest struct {
	AppID                    string
	Partial                  bool
	Weight                   int
	ResourceID, ResourceType string
	Variables                map[string]string
}

// readReload reads the body of reloadApp: variables are an array in the
// document and an object in the live service.
func (t *Tenant) readReload(r *request) (reloadRequest, answer, bool) {
	var asked reloadRequest
	if t.cfg.Dialect == qlik.Cloud {
		a, valid := t.decode(r, &asked)
		setDefault(&asked.Weight, 1)
		return asked, a, valid
	}
	var body struct {
		AppID     string
		Partial   bool
		Variables []struct{ Name, Value string }
	}
	a, valid := t.decode(r, &body)
	asked = reloadRequest{AppID: body.AppID, Partial: body.Partial, Variables: map[string]string{}}
	for _, v := range body.Variables {
		asked.Variables[v.Name] = v.Value
	}
	return asked, a, valid
}

func (t *Tenant) reloadApp(r *request) answer {
	asked, a, valid := t.readReload(r)
	if !valid {
		return a
	}
	if asked.AppID == "" {
		return t.fail(http.StatusBadRequest, "", "appId is required.")
	}
	target, found := t.apps.byID[asked.AppID]
	if !found {
		status := http.StatusForbidden // the document knows no 404 here
		if t.cfg.Dialect == qlik.Cloud {
			status = http.StatusNotFound
		}
		return t.fail(status, "", "App "+asked.AppID+" does not exist.")
	}
	if !t.cfg.QueueReloads && t.pending(target.id) {
		a := t.fail(http.StatusTooManyRequests, qlik.CodePending, "A pending reload request already exists for this app.")
		return a
	}
	x := t.start(r, asked)
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

// start makes a reload and decides its whole course.
func (t *Tenant) start(r *request, asked reloadRequest) *reload {
	takes := float64(t.cfg.ReloadTime) * (1 + t.cfg.Spread*(2*t.ids.Float64()-1))
	x := &reload{
		id: t.newID(), appID: asked.AppID, userID: r.user.id, kind: qlik.TypeExternal, partial: asked.Partial, weight: asked.Weight,
		variables: asked.Variables, resourceID: asked.ResourceID, resourceType: asked.ResourceType,
		created: r.now, outcome: qlik.ReloadSucceeded,
	}
	begin := r.now
	for _, other := range t.running { // only with QueueReloads
		if other.appID == x.appID && other.end().After(begin) {
			begin = other.end()
		}
	}
	x.starts = begin.Add(time.Duration(takes / 10)).Truncate(time.Millisecond)
	x.ends = begin.Add(time.Duration(takes)).Truncate(time.Millisecond)
	if code := t.failure(r); code != "" {
		x.outcome, x.errorCode, x.errorText = qlik.ReloadFailed, code, "failed to complete reload: "+code
	}
	if limit := x.starts.Add(t.cfg.MaxReload); x.ends.After(limit) {
		x.ends, x.outcome = limit, qlik.ReloadExceededLimit
	}
	t.reloads.add(x.id, x)
	t.running[x.id] = x
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
		if a, found := t.apps.byID[x.appID]; found && x.status(now) == qlik.ReloadSucceeded {
			a.lastReload = x.end()
		}
	}
}

func (t *Tenant) getReload(r *request) answer {
	x, missing := t.findReload(r)
	if x == nil {
		return missing
	}
	return ok(http.StatusOK, t.showReload(r, x))
}

// findReload gives the reload of the path, or the answer that there is none.
func (t *Tenant) findReload(r *request) (*reload, answer) {
	id := r.PathValue("reloadId")
	x, found := t.reloads.byID[id]
	if !found {
		return nil, t.fail(http.StatusNotFound, "", "Reload "+id+" does not exist.")
	}
	return x, answer{}
}

func (t *Tenant) listReloads(r *request) answer {
	appID := r.URL.Query().Get("appId")
	if appID == "" && t.cfg.Dialect == qlik.OpenAPI {
		return t.fail(http.StatusBadRequest, "", "appId is required.")
	}
	var list []*reload
	for _, x := range slices.Backward(t.reloads.all()) {
		if matches(appID, x.appID) {
			list = append(list, x)
		}
	}
	list, links, refused := page(t, r, list, func(x *reload) string { return x.id })
	if refused != nil {
		return *refused
	}
	data := []reloadBody{}
	for _, x := range list {
		data = append(data, t.showReload(r, x))
	}
	return ok(http.StatusOK, listing{data, links})
}
