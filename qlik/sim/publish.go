package sim

import (
	"net/http"

	"github.com/qlikgateway/gateway/qlik"
)

// publishBody is what a publish or republish asks for.
type publishBody struct {
	SpaceID          string
	TargetID         string
	Data             string
	Attributes       struct{ Name, Description string }
	CheckOriginAppID *bool
}

func (t *Tenant) publishApp(r *request) answer {
	source, missing := t.findApp(r)
	if source == nil {
		return missing
	}
	var body publishBody
	if a, valid := t.decode(r, &body); !valid {
		return a
	}
	if a, valid := t.managed(body.SpaceID); !valid {
		return a
	}
	if source.published() {
		return t.fail(http.StatusBadRequest, "", "The app is published already; publish its source.")
	}
	setDefault(&body.Attributes.Name, source.name)
	setDefault(&body.Attributes.Description, source.description)
	a := t.addApp(r.user, body.Attributes.Name, body.Attributes.Description, body.SpaceID)
	a.originAppID, a.usage, a.publishedAt = source.id, source.usage, r.now
	if body.Data != "target" {
		a.lastReload = source.lastReload
	}
	return t.showApp(r, a)
}

// managed checks that a space can be published to.
func (t *Tenant) managed(spaceID string) (answer, bool) {
	if spaceID == "" {
		return t.fail(http.StatusBadRequest, "", "spaceId is required."), false
	}
	s, found := t.spaces.byID[spaceID]
	if !found {
		return t.fail(http.StatusNotFound, "", "Space "+spaceID+" does not exist."), false
	}
	if s.kind != qlik.SpaceManaged {
		return t.fail(http.StatusBadRequest, "", "Space "+spaceID+" is not a managed space."), false
	}
	return answer{}, true
}

func (t *Tenant) republishApp(r *request) answer {
	source, missing := t.findApp(r)
	if source == nil {
		return missing
	}
	var body publishBody
	if a, valid := t.decode(r, &body); !valid {
		return a
	}
	target, a := t.republished(source, body)
	if target == nil {
		return a
	}
	setDefault(&body.Attributes.Name, target.name)
	setDefault(&body.Attributes.Description, source.description)
	target.name, target.description = body.Attributes.Name, body.Attributes.Description
	target.originAppID, target.modified, target.publishedAt = source.id, r.now, r.now
	if body.Data != "target" {
		target.lastReload = source.lastReload
	}
	return t.showApp(r, target)
}

// republished finds the app that a republish replaces: the named target, or, in
// the document's dialect, the newest app published from the source to the space.
func (t *Tenant) republished(source *app, body publishBody) (*app, answer) {
	if t.cfg.Dialect == qlik.Cloud {
		return t.target(source, body)
	}
	if a, valid := t.managed(body.SpaceID); !valid {
		return nil, a
	}
	var twin *app
	for _, a := range t.apps.all() {
		if a.published() && a.spaceID == body.SpaceID && a.originAppID == source.id {
			twin = a
		}
	}
	if twin == nil {
		return nil, t.fail(http.StatusNotFound, "", "The app is not published to space "+body.SpaceID+".")
	}
	return twin, answer{}
}

// target finds the app that a republish of the live service names.
func (t *Tenant) target(source *app, body publishBody) (*app, answer) {
	if body.TargetID == "" {
		return nil, t.fail(http.StatusBadRequest, "", "targetId is required.")
	}
	target, found := t.apps.byID[body.TargetID]
	switch {
	case !found:
		return nil, t.fail(http.StatusNotFound, "", "App "+body.TargetID+" does not exist.")
	case !target.published():
		return nil, t.fail(http.StatusBadRequest, "", "App "+body.TargetID+" is not published.")
	case target.originAppID != source.id && (body.CheckOriginAppID == nil || *body.CheckOriginAppID):
		return nil, t.fail(http.StatusBadRequest, "", "App "+body.TargetID+" was published from another app.")
	}
	return target, answer{}
}
