package sim

import (
	"net/http"
	"slices"

	"github.com/qlikgateway/gateway/qlik"
)

// Roles that a user can have in a tenant.
const (
	RoleTenantAdmin    = "TenantAdmin"
	RoleContentCreator = "PrivateAnalyticsContentCreator" // may have apps of their own
	RoleSharedCreator  = "SharedSpaceCreator"
	RoleManagedCreator = "ManagedSpaceCreator"
	RoleDataCreator    = "DataSpaceCreator"
)

// A User is somebody who may call the tenant.
type User struct {
	ID     string // default: a new identifier
	Name   string
	Roles  []string // in the tenant; the roles in spaces are given by assignments
	Groups []string // identifiers of groups, to which assignments may give roles
	APIKey string   // default: a new key
}

// A user is a User that the tenant knows.
type user struct {
	id, name, subject string
	roles, groups     []string
}

// admin says that the user administers the tenant.
func (u *user) admin() bool { return slices.Contains(u.roles, RoleTenantAdmin) }

// has says that the user has a role in the tenant; an administrator has all.
func (u *user) has(role string) bool { return u.admin() || slices.Contains(u.roles, role) }

// AddUser makes a user with an API key, and gives both completed.
func (t *Tenant) AddUser(u User) User {
	t.mu.Lock()
	defer t.mu.Unlock()
	setDefault(&u.ID, t.newID())
	setDefault(&u.APIKey, "sim-"+t.newID()+t.newID())
	t.users[u.ID] = &user{id: u.ID, name: u.Name, subject: `sim\` + u.Name, roles: u.Roles, groups: u.Groups}
	t.tokens[u.APIKey] = &token{user: t.users[u.ID]}
	return u
}

// A right is something that may be done with an app, or in a space.
type right string

// The rights, named as Qlik names privileges and actions.
const (
	mayRead    right = "read"
	mayUpdate  right = "update"
	mayReload  right = "reload"
	mayExport  right = "export"
	mayCopy    right = "duplicate"
	mayDelete  right = "delete"
	mayChown   right = "change_owner"
	mayMove    right = "change_space"
	mayCreate  right = "create"  // an app in a space
	mayPublish right = "publish" // an app to a space; of an app: mayUpdate
	mayManage  right = "manage"  // the space itself and its assignments
)

// appRights lists the rights that concern one app.
func appRights() []right {
	return []right{mayRead, mayUpdate, mayReload, mayExport, mayCopy, mayDelete, mayChown, mayMove}
}

// roleRights gives the rights that a role in a space brings.
func roleRights(role string) []right {
	switch role {
	case "facilitator", "manager":
		return append(appRights(), mayCreate, mayPublish, mayManage)
	case "producer", "codeveloper":
		return []right{mayRead, mayUpdate, mayReload, mayExport, mayCopy, mayDelete, mayMove, mayCreate}
	case "operator":
		return []right{mayRead, mayReload}
	case "publisher":
		return []right{mayRead, mayPublish}
	case "consumer", "contributor", "basicconsumer":
		return []right{mayRead}
	}
	return nil
}

// may says whether a user may do something with an app. The owner of a personal
// app may do everything, an administrator of the tenant only what administration needs.
func (t *Tenant) may(u *user, what right, a *app) bool {
	if u.admin() && (what == mayDelete || what == mayChown) {
		return true
	}
	if a.spaceID == "" {
		return a.ownerID == u.id
	}
	s := t.spaces.byID[a.spaceID]
	if a.ownerID == u.id && s.kind != qlik.SpaceManaged {
		return true
	}
	return t.mayIn(u, what, s)
}

// mayIn says whether a user may do something in a space, because it is theirs,
// or by the roles that they or their groups were given. An administrator may
// manage every space, but needs a role to use its apps.
func (t *Tenant) mayIn(u *user, what right, s *space) bool {
	if s.ownerID == u.id || (u.admin() && what == mayManage) {
		return true
	}
	for _, role := range t.rolesIn(u, s) {
		if slices.Contains(roleRights(role), what) {
			return true
		}
	}
	return false
}

// sees says whether a user knows of a space at all.
func (t *Tenant) sees(u *user, s *space) bool {
	return u.admin() || s.ownerID == u.id || len(t.rolesIn(u, s)) > 0
}

// rolesIn lists the roles that a user has in a space.
func (t *Tenant) rolesIn(u *user, s *space) []string {
	roles := []string{}
	for _, a := range s.assignments.all() {
		if a.assigneeID == u.id || (a.kind == qlik.AssigneeGroup && slices.Contains(u.groups, a.assigneeID)) {
			for _, role := range a.roles {
				if !slices.Contains(roles, role) {
					roles = append(roles, role)
				}
			}
		}
	}
	return roles
}

// forbid answers a caller who may not do something.
func (t *Tenant) forbid(detail string) *answer {
	return new(t.fail(http.StatusForbidden, "", detail))
}

// notFound answers that there is no such thing.
func (t *Tenant) notFound(what, id string) *answer {
	return new(t.fail(http.StatusNotFound, "", what+" "+id+" does not exist."))
}

// invalid answers a request that makes no sense.
func (t *Tenant) invalid(detail string) *answer {
	return new(t.fail(http.StatusBadRequest, "", detail))
}
