package sim

import (
	"net/http"
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
	Privileges []string      `json:"privileges"`
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
		Owner: t.users[a.ownerID].subject, OwnerID: a.ownerID, Published: a.published(), Custom: map[string]any{},
		OriginAppID: a.originAppID, SpaceID: a.spaceID, Usage: a.usage,
	}
	if published := moment(a.publishedAt); a.published() || t.cfg.Dialect == qlik.Cloud {
		wire.PublishTime = &published
	}
	return wire
}

// showApp answers with an app.
func (t *Tenant) showApp(r *request, a *app) answer {
	wire := t.attributesOf(a)
	if t.cfg.Dialect == qlik.Cloud {
		return ok(http.StatusOK, nxApp{
			wire, []string{"read", "update", "delete", "reload", "export", "publish"},
			[]nxCreate{{"sheet", true}, {"bookmark", true}},
		})
	}
	wire.Owner, wire.TenantID = a.ownerID, t.id
	wire.Links = &appLinks{Self: r.link("/apps/" + a.id), Open: href{r.origin() + "/sense/app/" + a.id}}
	return ok(http.StatusOK, wire)
}

// findApp gives the app of the path, or the answer that there is none.
func (t *Tenant) findApp(r *request) (*app, answer) {
	id := r.PathValue("appId")
	a, found := t.apps.byID[id]
	if !found {
		return nil, t.fail(http.StatusNotFound, "", "App "+id+" does not exist.")
	}
	return a, answer{}
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

func (t *Tenant) getAppsPrivileges(*request) answer {
	return ok(http.StatusOK, []string{"createApp", "importApp"})
}

func (t *Tenant) createApp(r *request) answer {
	var body struct{ Name, Description, SpaceID string }
	if a, valid := t.decodeApp(r, &body); !valid {
		return a
	}
	if wrong := badName(body.Name); wrong != "" {
		return t.fail(http.StatusBadRequest, "", wrong)
	}
	if _, found := t.spaces.byID[body.SpaceID]; body.SpaceID != "" && !found {
		return t.fail(http.StatusBadRequest, "", "Space "+body.SpaceID+" does not exist.")
	}
	a := t.addApp(r.user, body.Name, body.Description, body.SpaceID)
	r.call.AppID = a.id
	return t.showApp(r, a)
}

func (t *Tenant) getApp(r *request) answer {
	a, missing := t.findApp(r)
	if a == nil {
		return missing
	}
	return t.showApp(r, a)
}

func (t *Tenant) copyApp(r *request) answer {
	source, missing := t.findApp(r)
	if source == nil {
		return missing
	}
	var body struct{ Name, Description, SpaceID string }
	if a, valid := t.decodeApp(r, &body); !valid {
		return a
	}
	if _, found := t.spaces.byID[body.SpaceID]; body.SpaceID != "" && !found {
		return t.fail(http.StatusNotFound, "", "Space "+body.SpaceID+" does not exist.")
	}
	setDefault(&body.Name, source.name+" (copy)")
	setDefault(&body.Description, source.description)
	a := t.addApp(r.user, body.Name, body.Description, body.SpaceID)
	a.originAppID, a.usage, a.lastReload = source.id, source.usage, source.lastReload
	return t.showApp(r, a)
}
