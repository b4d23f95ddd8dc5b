package sim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A space is one space of the tenant.
type space struct {
	id, name, description, kind string
	ownerID, createdBy          string
	created, updated            time.Time
	assignments                 *table[*assignment]
}

// spaceBody is a space on the wire.
type spaceBody struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Type        string     `json:"type"`
	Description string     `json:"description"`
	OwnerID     string     `json:"ownerId"`
	TenantID    string     `json:"tenantId"`
	CreatedAt   moment     `json:"createdAt"`
	CreatedBy   string     `json:"createdBy"`
	UpdatedAt   moment     `json:"updatedAt"`
	Meta        spaceMeta  `json:"meta"`
	Links       spaceLinks `json:"links"`
}

type spaceMeta struct {
	Roles           []string `json:"roles"`
	Actions         []string `json:"actions"`
	AssignableRoles []string `json:"assignableRoles"`
}

type spaceLinks struct {
	Self        href `json:"self"`
	Assignments href `json:"assignments"`
}

// showSpace gives a space as the caller sees it.
func (t *Tenant) showSpace(r *request, s *space) spaceBody {
	self := "/spaces/" + s.id
	return spaceBody{
		ID: s.id, Name: s.name, Type: s.kind, Description: s.description, OwnerID: s.ownerID, TenantID: t.id,
		CreatedAt: moment(s.created), CreatedBy: s.createdBy, UpdatedAt: moment(s.updated),
		Meta:  spaceMeta{t.rolesIn(r.user, s), t.actions(r.user, s), assignable(s.kind)},
		Links: spaceLinks{Self: r.link(self), Assignments: r.link(self + "/assignments")},
	}
}

// actions lists what a user may do in a space.
func (t *Tenant) actions(u *user, s *space) []string {
	list := []string{}
	if s.kind == qlik.SpaceShared && t.mayIn(u, mayCreate, s) {
		list = append(list, "create")
	}
	if t.mayIn(u, mayRead, s) {
		list = append(list, "read")
	}
	if s.kind == qlik.SpaceManaged && t.mayIn(u, mayPublish, s) {
		list = append(list, "publish")
	}
	if t.mayIn(u, mayManage, s) {
		list = append(list, "update", "delete", "change_owner")
	}
	return list
}

// assignable lists the roles that make sense in a type of space.
func assignable(kind string) []string {
	switch kind {
	case qlik.SpaceManaged:
		return []string{"consumer", "contributor", "dataconsumer", "facilitator", "operator", "publisher"}
	case qlik.SpaceData:
		return []string{"dataconsumer", "facilitator", "producer"}
	}
	return []string{"consumer", "dataconsumer", "facilitator", "producer"}
}

// addSpace makes a space of the tenant.
func (t *Tenant) addSpace(owner *user, name, kind, description string) *space {
	now := t.now()
	s := &space{
		id: t.newID(), name: name, kind: kind, description: description,
		ownerID: owner.id, createdBy: owner.id, created: now, updated: now, assignments: newTable[*assignment](),
	}
	t.spaces.add(s.id, s)
	return s
}

// spaceTypes lists the types of spaces.
func spaceTypes() []string { return []string{qlik.SpaceShared, qlik.SpaceManaged, qlik.SpaceData} }

// findSpace gives the space of the path, or the answer that there is none that
// the caller knows of.
func (t *Tenant) findSpace(r *request) (*space, *answer) {
	id := r.PathValue("spaceId")
	s, found := t.spaces.byID[id]
	if !found || !t.sees(r.user, s) {
		return nil, t.notFound("Space", id)
	}
	return s, nil
}

// manageSpace gives the space of the path if the caller may manage it.
func (t *Tenant) manageSpace(r *request) (*space, *answer) {
	s, refused := t.findSpace(r)
	if refused != nil {
		return nil, refused
	}
	if !t.mayIn(r.user, mayManage, s) {
		return nil, t.forbid("You have no right to manage this space.")
	}
	return s, nil
}

func (t *Tenant) getSpace(r *request) answer {
	s, refused := t.findSpace(r)
	if refused != nil {
		return *refused
	}
	return ok(http.StatusOK, t.showSpace(r, s))
}

func (t *Tenant) listSpaces(r *request) answer {
	q := r.URL.Query()
	types := strings.Split(q.Get("type"), ",")
	var list []*space
	for _, s := range t.spaces.all() {
		if t.sees(r.user, s) && (q.Get("type") == "" || slices.Contains(types, s.kind)) &&
			matches(q.Get("ownerId"), s.ownerID) && contains(s.name, q.Get("name")) &&
			(q.Get("action") == "" || slices.Contains(t.actions(r.user, s), q.Get("action"))) {
			list = append(list, s)
		}
	}
	if !sortSpaces(list, q.Get("sort")) {
		return *t.invalid("sort is not name, type, ownerId, createdAt or updatedAt, with + or - in front.")
	}
	list, links, refused := page(t, r, list, func(s *space) string { return s.id })
	if refused != nil {
		return *refused
	}
	data := []spaceBody{}
	for _, s := range list {
		data = append(data, t.showSpace(r, s))
	}
	return ok(http.StatusOK, listing{data, links})
}

// sortSpaces orders spaces by a field; it is false when there is no such field.
func sortSpaces(list []*space, by string) bool {
	var order func(a, b *space) int
	switch strings.TrimLeft(by, "+-") {
	case "":
		return by == ""
	case "name":
		order = func(a, b *space) int { return cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) }
	case "type":
		order = func(a, b *space) int { return cmp.Compare(a.kind, b.kind) }
	case "ownerId":
		order = func(a, b *space) int { return cmp.Compare(a.ownerID, b.ownerID) }
	case "createdAt":
		order = func(a, b *space) int { return a.created.Compare(b.created) }
	case "updatedAt":
		order = func(a, b *space) int { return a.updated.Compare(b.updated) }
	default:
		return false
	}
	slices.SortStableFunc(list, order)
	if by[0] == '-' {
		slices.Reverse(list)
	}
	return true
}

// spaceType is a type of spaces on the wire of the document.
type spaceType struct {
	Type        string `json:"type"`
	Description string `json:"description"`
}

func (t *Tenant) listSpaceTypes(*request) answer {
	if t.cfg.Dialect == qlik.Cloud {
		return ok(http.StatusOK, map[string][]string{"data": spaceTypes()})
	}
	return ok(http.StatusOK, map[string][]spaceType{"data": {
		{qlik.SpaceShared, "For building apps together"},
		{qlik.SpaceManaged, "For reading published apps"},
		{qlik.SpaceData, "For data that apps are built on"},
	}})
}

// matches says that a value is the wanted one, if one is wanted.
func matches(wanted, value string) bool { return wanted == "" || wanted == value }
