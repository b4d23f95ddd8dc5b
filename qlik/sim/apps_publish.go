package sim

import "github.com/qlikgateway/gateway/qlik"

// publishBody is what a publish or republish asks for.
type publishBody struct {
	SpaceID          string
	TargetID         string
	Data             string
	Attributes       struct{ Name, Description string }
	CheckOriginAppID *bool
}

func (t *Tenant) publishApp(r *request) answer {
	source, refused := t.findApp(r, mayUpdate)
	if refused != nil {
		return *refused
	}
	var body publishBody
	t.decode(r, &body)
	if refused := t.managed(r, body.SpaceID); refused != nil {
		return *refused
	}
	if source.published() {
		return *t.invalid("The app is published already; publish its source.")
	}
	setDefault(&body.Attributes.Name, source.name)
	setDefault(&body.Attributes.Description, source.description)
	a := t.addApp(r.user, body.Attributes.Name, body.Attributes.Description, body.SpaceID)
	a.take(source, body.Data != "target")
	a.originAppID, a.publishedAt = source.id, r.now
	return t.showApp(r, a)
}

// managed checks that the caller may publish to a space.
func (t *Tenant) managed(r *request, spaceID string) *answer {
	s, found := t.spaces.byID[spaceID]
	if !found || !t.sees(r.user, s) {
		return t.notFound("Space", spaceID)
	}
	if s.kind != qlik.SpaceManaged {
		return t.invalid("Space " + spaceID + " is not a managed space.")
	}
	if !t.mayIn(r.user, mayPublish, s) {
		return t.forbid("You have no right to publish to this space.")
	}
	return nil
}

func (t *Tenant) republishApp(r *request) answer {
	source, refused := t.findApp(r, mayUpdate)
	if refused != nil {
		return *refused
	}
	var body publishBody
	t.decode(r, &body)
	target, refused := t.republished(r, source, body)
	if refused != nil {
		return *refused
	}
	if refused := t.managed(r, target.spaceID); refused != nil {
		return *refused
	}
	setDefault(&body.Attributes.Name, target.name)
	setDefault(&body.Attributes.Description, source.description)
	target.name, target.description = body.Attributes.Name, body.Attributes.Description
	target.take(source, body.Data != "target")
	target.originAppID, target.modified, target.publishedAt = source.id, r.now, r.now
	return t.showApp(r, target)
}

// republished finds the app that a republish replaces: the named target, or, in
// the document's dialect, the newest app published from the source to the space.
func (t *Tenant) republished(r *request, source *app, body publishBody) (*app, *answer) {
	if t.cfg.Dialect == qlik.Cloud {
		return t.target(source, body)
	}
	if refused := t.managed(r, body.SpaceID); refused != nil {
		return nil, refused
	}
	var twin *app
	for _, a := range t.apps.all() {
		if a.published() && a.spaceID == body.SpaceID && a.originAppID == source.id {
			twin = a
		}
	}
	if twin == nil {
		return nil, t.notFound("An app published from this one to space", body.SpaceID)
	}
	return twin, nil
}

// target finds the app that a republish of the live service names.
func (t *Tenant) target(source *app, body publishBody) (*app, *answer) {
	if body.TargetID == "" {
		return nil, t.invalid("targetId is required.")
	}
	target, found := t.apps.byID[body.TargetID]
	switch {
	case !found:
		return nil, t.notFound("App", body.TargetID)
	case !target.published():
		return nil, t.invalid("App " + body.TargetID + " is not published.")
	case target.originAppID != source.id && (body.CheckOriginAppID == nil || *body.CheckOriginAppID):
		return nil, t.invalid("App " + body.TargetID + " was published from another app.")
	}
	return target, nil
}
