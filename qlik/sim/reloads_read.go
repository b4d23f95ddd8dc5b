package sim

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

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
	Links        map[string]href   `json:"links"`
}

// state tells about the reload for the control plane.
func (x *reload) state(now time.Time) ReloadState {
	s := ReloadState{
		ID: x.id, AppID: x.appID, Status: string(x.status(now)), Partial: x.partial, Variables: x.variables, CreationTime: x.created,
	}
	if !now.Before(x.starts) && x.starts.Before(x.end()) {
		s.StartTime = x.starts
	}
	if x.status(now).Ended() {
		s.EndTime = x.end()
	}
	if s.Status == string(qlik.ReloadFailed) {
		s.ErrorCode = x.errorCode
	}
	return s
}

// showReload gives a reload as it is now.
func (t *Tenant) showReload(r *request, x *reload) reloadBody {
	s := x.state(r.now)
	b := reloadBody{
		ID: x.id, AppID: x.appID, TenantID: t.id, UserID: x.userID, Type: x.kind, Status: x.status(r.now), Partial: x.partial,
		CreationTime: moment(x.created), StartTime: moment(s.StartTime), EndTime: moment(s.EndTime),
		Links: map[string]href{"self": r.link("/reloads/" + x.id)},
	}
	if r.URL.Query().Get("log") == "true" && x.logged(r.now) {
		b.Log = x.log(r.now)
	}
	if t.cfg.Dialect == qlik.OpenAPI {
		if !s.EndTime.IsZero() && !s.StartTime.IsZero() {
			ran := s.EndTime.Sub(s.StartTime)
			b.Duration = "PT" + strconv.FormatFloat(ran.Seconds(), 'f', -1, 64) + "S"
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

// findReload gives the reload of the path, or the answer that there is none
// about which the caller may know.
func (t *Tenant) findReload(r *request, what right) (*reload, *answer) {
	id := r.PathValue("reloadId")
	x, found := t.reloads.byID[id]
	switch _, err := hex.DecodeString(id); {
	case len(id) != 24 || err != nil:
		return nil, t.invalid("The identifier of the reload is not 24 hexadecimal digits.")
	case !found:
		return nil, t.notFound("Reload", id)
	}
	if a, found := t.apps.byID[x.appID]; x.userID != r.user.id && !r.user.admin() && (!found || !t.may(r.user, what, a)) {
		return nil, t.forbid("You have no right to " + string(what) + " the app of this reload.")
	}
	return x, nil
}

func (t *Tenant) getReload(r *request) answer {
	x, refused := t.findReload(r, mayRead)
	if refused != nil {
		return *refused
	}
	return ok(http.StatusOK, t.showReload(r, x))
}

// listReloads lists the reloads of an app, the newest first. Administrators of
// the live service may list those of all apps.
func (t *Tenant) listReloads(r *request) answer {
	q := r.URL.Query()
	list, refused := t.reloadsFor(r, q.Get("appId"))
	if refused != nil {
		return *refused
	}
	if text := q.Get("filter"); text != "" {
		wanted, err := readFilter(text, filterRules{attributes: []string{"status", "partial", "type"}})
		if err != nil {
			return *t.invalid("The filter is not valid: " + err.Error() + ".")
		}
		list = slices.DeleteFunc(list, func(x *reload) bool {
			return !wanted(func(name string) string {
				return map[string]string{
					"status": string(x.status(r.now)), "partial": strconv.FormatBool(x.partial), "type": x.kind,
				}[name]
			})
		})
	}
	if partial := q.Get("partial"); partial != "" {
		list = slices.DeleteFunc(list, func(x *reload) bool { return strconv.FormatBool(x.partial) != partial })
	}
	if t.cfg.Dialect == qlik.Cloud {
		sortReloads(list, q.Get("sort"), r.now)
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

// reloadsFor gives the reloads of an app that the caller may know of.
func (t *Tenant) reloadsFor(r *request, appID string) ([]*reload, *answer) {
	if appID == "" {
		if !r.user.admin() {
			return nil, t.forbid("Only an administrator may list the reloads of all apps.")
		}
		list := t.reloads.all()
		slices.Reverse(list)
		return list, nil
	}
	if a, found := t.apps.byID[appID]; !r.user.admin() && (!found || !t.may(r.user, mayRead, a)) {
		return nil, t.forbid(fmt.Sprintf("You have no right to read app %s.", appID))
	}
	list := slices.Clone(t.reloadsOf[appID])
	slices.Reverse(list)
	return list, nil
}

// sortReloads orders reloads as the live service does on request.
func sortReloads(list []*reload, by string, now time.Time) {
	var order func(a, b *reload) int
	switch strings.TrimLeft(by, "+-") {
	case "creationTime":
		order = func(a, b *reload) int { return a.created.Compare(b.created) }
	case "status":
		order = func(a, b *reload) int { return cmp.Compare(a.status(now), b.status(now)) }
	case "startTime":
		order = func(a, b *reload) int { return a.starts.Compare(b.starts) }
	case "endTime":
		order = func(a, b *reload) int { return a.end().Compare(b.end()) }
	default:
		return
	}
	slices.Reverse(list) // so that the oldest come first, and stay so among equals
	slices.SortStableFunc(list, order)
	if by[0] == '-' {
		slices.Reverse(list)
	}
}
