package sim

import (
	"net/http"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/qlik"
)

func (t *Tenant) createSpace(r *request) answer {
	var body struct{ Name, Type, Description string }
	t.decode(r, &body)
	role := map[string]string{
		qlik.SpaceShared: RoleSharedCreator, qlik.SpaceManaged: RoleManagedCreator, qlik.SpaceData: RoleDataCreator,
	}[body.Type]
	if !r.user.has(role) {
		return *t.forbid("You have no right to create " + body.Type + " spaces.")
	}
	if body.Name == "" {
		return *t.invalid("name is empty.")
	}
	if refused := t.taken(body.Name, nil); refused != nil {
		return *refused
	}
	return ok(http.StatusCreated, t.showSpace(r, t.addSpace(r.user, body.Name, body.Type, body.Description)))
}

// taken refuses a name that another space has.
func (t *Tenant) taken(name string, except *space) *answer {
	for _, s := range t.spaces.all() {
		if s != except && strings.EqualFold(s.name, name) {
			return new(t.fail(http.StatusConflict, "", "A space with this name already exists."))
		}
	}
	return nil
}

// A spaceChange is a space as it is to be.
type spaceChange struct {
	Name, OwnerID, Description *string
}

func (t *Tenant) updateSpace(r *request) answer {
	s, refused := t.manageSpace(r)
	if refused != nil {
		return *refused
	}
	var body spaceChange
	t.decode(r, &body)
	return t.changeSpace(r, s, body)
}

// changeSpace changes a space, all of it or nothing.
func (t *Tenant) changeSpace(r *request, s *space, to spaceChange) answer {
	if to.Name != nil {
		if *to.Name == "" {
			return *t.invalid("name is empty.")
		}
		if refused := t.taken(*to.Name, s); refused != nil {
			return *refused
		}
	}
	if to.OwnerID != nil {
		if _, found := t.users[*to.OwnerID]; !found {
			return *t.notFound("User", *to.OwnerID)
		}
	}
	for field, change := range map[*string]*string{&s.name: to.Name, &s.ownerID: to.OwnerID, &s.description: to.Description} {
		if change != nil {
			*field = *change
		}
	}
	s.updated = r.now
	return ok(http.StatusOK, t.showSpace(r, s))
}

func (t *Tenant) patchSpace(r *request) answer {
	s, refused := t.manageSpace(r)
	if refused != nil {
		return *refused
	}
	change, err := readPatch(r.body, t.cfg.Dialect == qlik.Cloud)
	if err != nil {
		return *t.invalid("The patch is not valid: " + err.Error() + ".")
	}
	return t.changeSpace(r, s, change)
}

// deleteSpace deletes a space that holds no apps.
func (t *Tenant) deleteSpace(r *request) answer {
	s, refused := t.manageSpace(r)
	if refused != nil {
		return *refused
	}
	if slices.ContainsFunc(t.apps.all(), func(a *app) bool { return a.spaceID == s.id }) {
		status := http.StatusForbidden
		if t.cfg.Dialect == qlik.Cloud {
			status = http.StatusPreconditionFailed
		}
		return t.fail(status, "", "The space still holds apps.")
	}
	t.spaces.remove(s.id)
	return answer{status: http.StatusNoContent}
}
