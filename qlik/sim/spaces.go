package sim

import (
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
	return spaceBody{
		ID: s.id, Name: s.name, Type: s.kind, Description: s.description, OwnerID: s.ownerID, TenantID: t.id,
		CreatedAt: moment(s.created), CreatedBy: s.createdBy, UpdatedAt: moment(s.updated),
		Meta: spaceMeta{Roles: []string{}, Actions: []string{"create", "read", "update", "delete", "publish"}, AssignableRoles: []string{"consumer"}},
		Links: spaceLinks{
			Self:        r.link("/spaces/" + s.id),
			Assignments: r.link("/spaces/" + s.id + "/assignments"),
		},
	}
}

// addSpace makes a space of the tenant.
func (t *Tenant) addSpace(owner *user, name, kind, description string) *space {
	now := t.now()
	s := &space{
		id: t.newID(), name: name, kind: kind, description: description,
		ownerID: owner.id, createdBy: owner.id, created: now, updated: now,
	}
	t.spaces.add(s.id, s)
	return s
}

func (t *Tenant) createSpace(r *request) answer {
	var body struct{ Name, Type, Description string }
	if a, valid := t.decode(r, &body); !valid {
		return a
	}
	if wrong := badName(body.Name); wrong != "" {
		return t.fail(http.StatusBadRequest, "", wrong)
	}
	if !slices.Contains(spaceTypes(), body.Type) {
		return t.fail(http.StatusBadRequest, "", "type is not one of "+strings.Join(spaceTypes(), ", ")+".")
	}
	for _, s := range t.spaces.all() {
		if strings.EqualFold(s.name, body.Name) {
			return t.fail(http.StatusConflict, "", "A space with this name already exists.")
		}
	}
	return ok(http.StatusCreated, t.showSpace(r, t.addSpace(r.user, body.Name, body.Type, body.Description)))
}

// spaceTypes lists the types of spaces.
func spaceTypes() []string { return []string{qlik.SpaceShared, qlik.SpaceManaged, qlik.SpaceData} }

func (t *Tenant) getSpace(r *request) answer {
	s, found := t.spaces.byID[r.PathValue("spaceId")]
	if !found {
		return t.fail(http.StatusNotFound, "", "Space "+r.PathValue("spaceId")+" does not exist.")
	}
	return ok(http.StatusOK, t.showSpace(r, s))
}

func (t *Tenant) listSpaces(r *request) answer {
	q := r.URL.Query()
	var list []*space
	for _, s := range t.spaces.all() {
		if matches(q.Get("type"), s.kind) && matches(q.Get("ownerId"), s.ownerID) &&
			contains(s.name, q.Get("name")) {
			list = append(list, s)
		}
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

// matches says that a value is the wanted one, if one is wanted.
func matches(wanted, value string) bool { return wanted == "" || wanted == value }
