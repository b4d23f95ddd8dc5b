package sim

import (
	"net/http"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// An assignment is the roles that somebody has in a space.
type assignment struct {
	id, kind, assigneeID string
	roles                []string
	createdBy            string
	created, updated     time.Time
}

// assignmentBody is an assignment on the wire.
type assignmentBody struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	AssigneeID string         `json:"assigneeId"`
	Roles      []string       `json:"roles"`
	SpaceID    string         `json:"spaceId"`
	TenantID   string         `json:"tenantId"`
	CreatedAt  moment         `json:"createdAt"`
	CreatedBy  string         `json:"createdBy"`
	UpdatedAt  moment         `json:"updatedAt"`
	Links      map[string]any `json:"links,omitempty"` // live service only
}

func (t *Tenant) showAssignment(r *request, s *space, a *assignment) assignmentBody {
	b := assignmentBody{
		ID: a.id, Type: a.kind, AssigneeID: a.assigneeID, Roles: a.roles, SpaceID: s.id, TenantID: t.id,
		CreatedAt: moment(a.created), CreatedBy: a.createdBy, UpdatedAt: moment(a.updated),
	}
	if t.cfg.Dialect == qlik.Cloud {
		b.Links = map[string]any{"self": r.link("/spaces/" + s.id + "/assignments/" + a.id), "space": r.link("/spaces/" + s.id)}
	}
	return b
}

// listSpaceAssignments lists all assignments in the document's dialect, and a
// page of them in the live service's.
func (t *Tenant) listSpaceAssignments(r *request) answer {
	s, refused := t.findSpace(r)
	if refused != nil {
		return *refused
	}
	list := s.assignments.all()
	var links *pageLinks
	if t.cfg.Dialect == qlik.Cloud {
		part, l, refused := page(t, r, list, func(a *assignment) string { return a.id })
		if refused != nil {
			return *refused
		}
		list, links = part, &l
	}
	data := []assignmentBody{}
	for _, a := range list {
		data = append(data, t.showAssignment(r, s, a))
	}
	if links == nil {
		return ok(http.StatusOK, map[string]any{"data": data})
	}
	return ok(http.StatusOK, map[string]any{"data": data, "links": links, "meta": map[string]int{"count": len(s.assignments.order)}})
}

func (t *Tenant) createSpaceAssignment(r *request) answer {
	s, refused := t.manageSpace(r)
	if refused != nil {
		return *refused
	}
	var body struct {
		Type, AssigneeID string
		Roles            []string
	}
	t.decode(r, &body)
	if len(body.Roles) == 0 {
		return *t.invalid("roles is empty.")
	}
	if _, found := t.users[body.AssigneeID]; !found && body.Type != qlik.AssigneeGroup {
		return *t.notFound("User", body.AssigneeID)
	}
	for _, other := range s.assignments.all() {
		if other.assigneeID == body.AssigneeID && other.kind == body.Type {
			status := http.StatusForbidden // the document knows no 409 here
			if t.cfg.Dialect == qlik.Cloud {
				status = http.StatusConflict
			}
			return t.fail(status, "AssignmentConflict", "There is an assignment for this "+body.Type+" already.")
		}
	}
	a := &assignment{
		id: t.newID(), kind: body.Type, assigneeID: body.AssigneeID, roles: body.Roles,
		createdBy: r.user.id, created: r.now, updated: r.now,
	}
	s.assignments.add(a.id, a)
	return ok(http.StatusCreated, t.showAssignment(r, s, a))
}

// findAssignment gives the assignment of the path, for reading or for managing.
func (t *Tenant) findAssignment(r *request, space func(*request) (*space, *answer)) (*space, *assignment, *answer) {
	s, refused := space(r)
	if refused != nil {
		return nil, nil, refused
	}
	a, found := s.assignments.byID[r.PathValue("assignmentId")]
	if !found {
		return nil, nil, t.notFound("Assignment", r.PathValue("assignmentId"))
	}
	return s, a, nil
}

func (t *Tenant) getSpaceAssignment(r *request) answer {
	s, a, refused := t.findAssignment(r, t.findSpace)
	if refused != nil {
		return *refused
	}
	return ok(http.StatusOK, t.showAssignment(r, s, a))
}

func (t *Tenant) updateSpaceAssignment(r *request) answer {
	s, a, refused := t.findAssignment(r, t.manageSpace)
	if refused != nil {
		return *refused
	}
	var body struct {
		Role  string
		Roles []string
	}
	t.decode(r, &body)
	if t.cfg.Dialect == qlik.OpenAPI {
		body.Roles = []string{body.Role}
	}
	if len(body.Roles) == 0 {
		return *t.invalid("roles is empty.")
	}
	a.roles, a.updated = body.Roles, r.now
	return ok(http.StatusOK, t.showAssignment(r, s, a))
}

func (t *Tenant) deleteSpaceAssignment(r *request) answer {
	s, a, refused := t.findAssignment(r, t.manageSpace)
	if refused != nil {
		return *refused
	}
	s.assignments.remove(a.id)
	return answer{status: http.StatusNoContent}
}
