package sim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// An event is a CloudEvent of Qlik's, in the structured form.
type event struct {
	ID              string `json:"id"`
	Time            string `json:"time"`
	Type            string `json:"type"`
	Source          string `json:"source"`
	SpecVersion     string `json:"specversion"`
	DataContentType string `json:"datacontenttype"`
	TenantID        string `json:"tenantid"`
	UserID          string `json:"userid"`
	OwnerID         string `json:"ownerid,omitempty"`
	SpaceID         string `json:"spaceid,omitempty"`
	TopLevel        string `json:"toplevelresourceid"`
	AuthClaims      string `json:"authclaims,omitempty"`
	Data            any    `json:"data"`
}

// reloadFinished is the data of the event that a reload has ended.
type reloadFinished struct {
	ID              string            `json:"id"`
	AppID           string            `json:"appId"`
	TenantID        string            `json:"tenantId"`
	UserID          string            `json:"userId"`
	Succeeded       bool              `json:"succeeded"`
	Status          qlik.ReloadStatus `json:"status"`
	Type            string            `json:"type"`
	Partial         bool              `json:"partial"`
	Weight          int               `json:"weight"`
	ErrorCode       string            `json:"errorCode,omitempty"`
	ErrorMessage    string            `json:"errorMessage,omitempty"`
	CreationTime    moment            `json:"creationTime"`
	StartTime       moment            `json:"startTime,omitzero"`
	LastReloadTime  moment            `json:"lastReloadTime,omitzero"`
	DurationSeconds float64           `json:"durationSeconds"`
	ResourceID      string            `json:"resourceId,omitempty"`
	ResourceType    string            `json:"resourceType,omitempty"`
}

// appReloadFinished is the data of the event that the engine has carried out a
// reload. It does not name the app.
type appReloadFinished struct {
	Name            string   `json:"name"`
	Status          string   `json:"status"` // ok or error
	ReloadID        string   `json:"reloadId"`
	EndTime         moment   `json:"endTime"`
	Duration        int64    `json:"duration"` // milliseconds
	Errors          []string `json:"errors"`
	Warnings        []string `json:"warnings"`
	IsPartialReload bool     `json:"isPartialReload"`
	PeakMemoryBytes int64    `json:"peakMemoryBytes"`
	Statements      []string `json:"statements"`
}

// announce tells the webhooks that a reload has ended. a is nil when its app was
// deleted.
func (t *Tenant) announce(x *reload, a *app, now time.Time) {
	if len(t.hooks.order) == 0 {
		return
	}
	t.send(t.reloadEvent(x, a, now), x)
	if x.logged(now) {
		t.send(t.appReloadEvent(x, a, now), x)
	}
}

// envelope makes the envelope of an event about a reload.
func (t *Tenant) envelope(kind, source string, x *reload, a *app) event {
	e := event{
		ID: t.newGUID(), Time: x.end().Format(time.RFC3339Nano), Type: kind, Source: source, SpecVersion: "1.0",
		DataContentType: "application/json", TenantID: t.id, UserID: x.userID, TopLevel: x.appID,
		AuthClaims: fmt.Sprintf(`{"sub":%q,"name":%q}`, x.userID, t.users[x.userID].name),
	}
	if a != nil {
		e.OwnerID, e.SpaceID = a.ownerID, a.spaceID
	}
	return e
}

func (t *Tenant) reloadEvent(x *reload, a *app, now time.Time) event {
	e := t.envelope(eventReload, "com.qlik/reloads", x, a)
	status, s := x.status(now), x.state(now)
	d := reloadFinished{
		ID: x.id, AppID: x.appID, TenantID: t.id, UserID: x.userID, Succeeded: status == qlik.ReloadSucceeded, Status: status,
		Type: x.kind, Partial: x.partial, Weight: x.weight, CreationTime: moment(x.created), StartTime: moment(s.StartTime),
		ResourceID: x.resourceID, ResourceType: x.resourceType,
	}
	if !s.StartTime.IsZero() {
		d.DurationSeconds = x.end().Sub(x.starts).Seconds()
	}
	if status == qlik.ReloadFailed {
		d.ErrorCode, d.ErrorMessage = x.errorCode, x.errorText
	}
	if a != nil {
		d.LastReloadTime = moment(a.lastReload)
	}
	e.Data = d
	return e
}

func (t *Tenant) appReloadEvent(x *reload, a *app, now time.Time) event {
	e := t.envelope(eventAppReload, "com.qlik/engine", x, a)
	d := appReloadFinished{
		Status: "ok", ReloadID: x.id, EndTime: moment(x.end()), Duration: x.end().Sub(x.starts).Milliseconds(),
		Errors: []string{}, Warnings: []string{}, Statements: []string{}, IsPartialReload: x.partial,
	}
	if x.status(now) != qlik.ReloadSucceeded {
		d.Status = "error"
		d.Errors = append(d.Errors, x.errorText)
	}
	if a != nil {
		d.Name, d.PeakMemoryBytes = a.name, a.data.peak
	}
	e.Data = d
	return e
}

// send hands an event to the webhooks that want it.
func (t *Tenant) send(e event, x *reload) {
	for _, h := range t.hooks.all() {
		if h.wants(e, x) {
			body, err := json.Marshal(e)
			if err != nil {
				panic(fmt.Sprintf("encode event %s: %v", e.Type, err))
			}
			t.post.start(t, h, e.Type, body)
		}
	}
}
