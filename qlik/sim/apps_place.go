package sim

import (
	"net/http"

	"github.com/qlikgateway/gateway/qlik"
)

func (t *Tenant) updateAppOwner(r *request) answer {
	a, refused := t.findApp(r, mayChown)
	if refused != nil {
		return *refused
	}
	var body struct{ OwnerID string }
	t.decode(r, &body)
	if _, found := t.users[body.OwnerID]; !found {
		return *t.notFound("User", body.OwnerID)
	}
	a.ownerID, a.modified = body.OwnerID, r.now
	return t.showApp(r, a)
}

func (t *Tenant) moveAppToSpace(r *request) answer {
	a, refused := t.movable(r)
	if refused != nil {
		return *refused
	}
	var body struct{ SpaceID string }
	t.decode(r, &body)
	if body.SpaceID == "" {
		return *t.invalid("spaceId is required.")
	}
	if refused := t.place(r, body.SpaceID, http.StatusNotFound); refused != nil {
		return *refused
	}
	a.spaceID, a.modified = body.SpaceID, r.now
	return t.showApp(r, a)
}

func (t *Tenant) removeAppFromSpace(r *request) answer {
	a, refused := t.movable(r)
	if refused != nil {
		return *refused
	}
	a.spaceID, a.modified = "", r.now
	return t.showApp(r, a)
}

// movable gives the app of the path if the caller may take it elsewhere. What
// is published stays where it is.
func (t *Tenant) movable(r *request) (*app, *answer) {
	a, refused := t.findApp(r, mayMove)
	if refused != nil {
		return nil, refused
	}
	if s := t.spaces.byID[a.spaceID]; s != nil && s.kind == qlik.SpaceManaged {
		return nil, t.forbid("A published app can not be moved.")
	}
	return a, nil
}
