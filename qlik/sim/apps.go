package sim

import (
	"net/http"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// An app is one app of the tenant.
type app struct {
	id, itemID              string
	name, description       string
	spaceID, ownerID        string
	originAppID             string
	usage                   string
	created, modified       time.Time
	lastReload, publishedAt time.Time
	scripts                 []script // the newest last
	data                    data
}

// published says that the app is in a managed space.
func (a *app) published() bool { return !a.publishedAt.IsZero() }

// appAttributes is an app on the wire.
type appAttributes struct {
	ID                string         `json:"id"`
	Name              string         `json:"name"`
	Description       string         `json:"description"`
	Thumbnail         string         `json:"thumbnail"`
	LastReloadTime    moment         `json:"lastReloadTime,omitzero"`
	CreatedDate       moment         `json:"createdDate"`
	ModifiedDate      moment         `json:"modifiedDate"`
	Owner             string         `json:"owner"`
	OwnerID           string         `json:"ownerId"`
	Published         bool           `json:"published"`
	PublishTime       *moment        `json:"publishTime,omitempty"`
	Custom            map[string]any `json:"custom"`
	DynamicColor      string         `json:"dynamicColor"`
	HasSectionAccess  bool           `json:"hasSectionAccess"`
	IsDirectQueryMode bool           `json:"isDirectQueryMode"`
	Encrypted         bool           `json:"encrypted"`
	OriginAppID       string         `json:"originAppId,omitempty"`
	SpaceID           string         `json:"spaceId,omitempty"`
	TenantID          string         `json:"tenantId,omitempty"`
	Usage             string         `json:"usage"`
	Links             *appLinks      `json:"links,omitempty"`
}

type appLinks struct {
	Self href `json:"self"`
	Open href `json:"open"`
}

// nxApp is the envelope in which the live service sends an app.
type nxApp struct {
	Attributes appAttributes `json:"attributes"`
	Privileges []right       `json:"privileges"`
	Create     []nxCreate    `json:"create"`
}

type nxCreate struct {
	Resource  string `json:"resource"`
	CanCreate bool   `json:"canCreate"`
}

// attributesOf gives an app in the shape that both dialects share.
func (t *Tenant) attributesOf(a *app) appAttributes {
	wire := appAttributes{
		ID: a.id, Name: a.name, Description: a.description,
		LastReloadTime: moment(a.lastReload), CreatedDate: moment(a.created), ModifiedDate: moment(a.modified),
		Owner: t.users[a.ownerID].subject, OwnerID: a.ownerID, Custom: map[string]any{},
		OriginAppID: a.originAppID, SpaceID: a.spaceID, Usage: a.usage,
	}
	published := moment(a.publishedAt)
	if t.cfg.Dialect == qlik.Cloud { // where `published` says something else, and an empty time is sent
		wire.PublishTime = &published
	} else if a.published() {
		wire.Published, wire.PublishTime = true, &published
	}
	return wire
}

// showApp answers with an app.
func (t *Tenant) showApp(r *request, a *app) answer {
	wire := t.attributesOf(a)
	if t.cfg.Dialect == qlik.Cloud {
		privileges := []right{}
		for _, what := range appRights() {
			if t.may(r.user, what, a) {
				privileges = append(privileges, what)
			}
		}
		return ok(http.StatusOK, nxApp{wire, privileges, []nxCreate{{"sheet", slices.Contains(privileges, mayUpdate)}}})
	}
	wire.Owner, wire.TenantID = a.ownerID, t.id
	wire.Links = &appLinks{Self: r.link("/apps/" + a.id), Open: href{r.origin() + "/sense/app/" + a.id}}
	return ok(http.StatusOK, wire)
}

// findApp gives the app of the path, or the answer that there is none, or none
// with which the caller may do this.
func (t *Tenant) findApp(r *request, what right) (*app, *answer) {
	id := r.PathValue("appId")
	a, found := t.apps.byID[id]
	if !found {
		return nil, t.notFound("App", id)
	}
	if !t.may(r.user, what, a) {
		return nil, t.forbid("You have no right to " + string(what) + " this app.")
	}
	return a, nil
}

// place checks that the caller may put an app into a space; "" is their own.
// missing is the status for a space that does not exist.
func (t *Tenant) place(r *request, spaceID string, missing int) *answer {
	if spaceID == "" {
		if r.user.has(RoleContentCreator) {
			return nil
		}
		return t.forbid("You have no right to have apps of your own.")
	}
	s, found := t.spaces.byID[spaceID]
	if !found || !t.sees(r.user, s) {
		return new(t.fail(missing, "", "Space "+spaceID+" does not exist."))
	}
	if s.kind != qlik.SpaceShared {
		return t.forbid("Apps can not be put into a " + s.kind + " space.")
	}
	if !t.mayIn(r.user, mayCreate, s) {
		return t.forbid("You have no right to create apps in this space.")
	}
	return nil
}

// addApp makes an app of the tenant.
func (t *Tenant) addApp(owner *user, name, description, spaceID string) *app {
	now := t.now()
	a := &app{
		id: t.newGUID(), itemID: t.newID(), name: name, description: description, spaceID: spaceID, ownerID: owner.id,
		usage: "ANALYTICS", created: now, modified: now,
	}
	t.apps.add(a.id, a)
	return a
}

// take gives an app the content of another, with or without its data.
func (a *app) take(from *app, withData bool) {
	a.usage, a.scripts = from.usage, slices.Clone(from.scripts)
	if withData {
		a.data, a.lastReload = from.data, from.lastReload
	}
}

func (t *Tenant) getAppsPrivileges(r *request) answer {
	privileges := []string{}
	if r.user.has(RoleContentCreator) {
		privileges = append(privileges, "createApp", "importApp")
	}
	return ok(http.StatusOK, privileges)
}

// appBody is what an app is created, changed or copied with.
type appBody struct {
	Name        *string
	Description *string
	SpaceID     string
}

func (t *Tenant) createApp(r *request) answer {
	var body appBody
	t.decode(r, &body)
	if refused := t.place(r, body.SpaceID, http.StatusBadRequest); refused != nil {
		return *refused
	}
	if body.Name == nil || *body.Name == "" {
		return *t.invalid("name is required.")
	}
	a := t.addApp(r.user, *body.Name, value(body.Description), body.SpaceID)
	a.addScript(t, r.user, emptyScript)
	r.call.AppID = a.id
	return t.showApp(r, a)
}

func (t *Tenant) getApp(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	return t.showApp(r, a)
}

func (t *Tenant) updateApp(r *request) answer {
	a, refused := t.findApp(r, mayUpdate)
	if refused != nil {
		return *refused
	}
	var body appBody
	t.decode(r, &body)
	if body.Name != nil {
		if *body.Name == "" {
			return *t.invalid("name is empty.")
		}
		a.name = *body.Name
	}
	if body.Description != nil {
		a.description = *body.Description
	}
	a.modified = r.now
	return t.showApp(r, a)
}

// deleteApp deletes an app. What was published from it stays, but can not be
// replaced any more; a reload of it fails.
func (t *Tenant) deleteApp(r *request) answer {
	a, refused := t.findApp(r, mayDelete)
	if refused != nil {
		return *refused
	}
	t.apps.remove(a.id)
	for _, x := range t.running {
		if x.appID == a.id {
			x.fail("AppNotFound", "the app was deleted", r.now)
		}
	}
	t.settle(r.now)
	return answer{status: http.StatusOK}
}

func (t *Tenant) copyApp(r *request) answer {
	source, refused := t.findApp(r, mayCopy)
	if refused != nil {
		return *refused
	}
	var body appBody
	t.decode(r, &body)
	if refused := t.place(r, body.SpaceID, http.StatusNotFound); refused != nil {
		return *refused
	}
	name := value(body.Name)
	setDefault(&name, source.name+" (copy)")
	description := source.description
	if body.Description != nil {
		description = *body.Description
	}
	a := t.addApp(r.user, name, description, body.SpaceID)
	a.take(source, true)
	a.originAppID = source.id
	return t.showApp(r, a)
}

// value gives a text that may be missing.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
