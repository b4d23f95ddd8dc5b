package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// Whom an assignment is about.
const (
	AssigneeUser  = "user"
	AssigneeGroup = "group"
	AssigneeBot   = "bot" // live service only
)

// A SpaceAssignment is the roles that somebody has in a space.
type SpaceAssignment struct {
	ID         string    `json:"id"`
	Type       string    `json:"type,omitempty"` // user, group or what Qlik adds
	AssigneeID string    `json:"assigneeId,omitempty"`
	Roles      []string  `json:"roles,omitempty"`
	SpaceID    string    `json:"spaceId,omitempty"`
	TenantID   string    `json:"tenantId,omitempty"`
	CreatedAt  time.Time `json:"createdAt,omitzero"`
	CreatedBy  string    `json:"createdBy,omitempty"`
	UpdatedAt  time.Time `json:"updatedAt,omitzero"`
}

// UnmarshalJSON reads an assignment.
func (a *SpaceAssignment) UnmarshalJSON(b []byte) error {
	type plain SpaceAssignment
	wire := struct {
		*plain
		CreatedAt instant `json:"createdAt"`
		UpdatedAt instant `json:"updatedAt"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	a.CreatedAt, a.UpdatedAt = time.Time(wire.CreatedAt), time.Time(wire.UpdatedAt)
	return nil
}

// SpaceAssignmentCreate says whom to give which roles.
type SpaceAssignmentCreate struct {
	Type       string   `json:"type"` // AssigneeUser or AssigneeGroup
	AssigneeID string   `json:"assigneeId"`
	Roles      []string `json:"roles"` // at least one of Dialect.Roles
}

// Roles lists the roles that can be given in a space, in this dialect.
func (d Dialect) Roles() []string {
	if d == Cloud {
		return []string{
			"consumer", "contributor", "dataconsumer", "datapreview", "facilitator", "operator", "producer", "publisher",
			"basicconsumer", "codeveloper",
		}
	}
	return []string{
		"consumer", "contributor", "dataconsumer", "facilitator", "manager", "operator", "producer", "publisher", "basicconsumer",
	}
}

// An AssignmentQuery chooses a page of a space's assignments.
type AssignmentQuery struct {
	Limit int    // of a page, at most 100; live service only: the document knows no pages here
	Next  string // Page.Next of an earlier page
}

// ListSpaceAssignments gives one page of a space's assignments, which in the
// document's dialect is all of them.
func (c *Client) ListSpaceAssignments(ctx context.Context, spaceID string, q AssignmentQuery) (Page[SpaceAssignment], error) {
	const op = "listSpaceAssignments"
	if err := checkLimit(op, q.Limit); err != nil {
		return Page[SpaceAssignment]{}, err
	}
	k := call{op: op, path: []string{spaceID}}
	if c.dialect == Cloud {
		k.query = url.Values{"limit": {number(q.Limit)}}
	}
	return list[SpaceAssignment](ctx, c, k, q.Next)
}

// SpaceAssignments walks all assignments of a space, page by page; each page is
// one call. After an error it ends.
func (c *Client) SpaceAssignments(ctx context.Context, spaceID string) iter.Seq2[SpaceAssignment, error] {
	return pages("listSpaceAssignments", func(link string) (Page[SpaceAssignment], error) {
		return c.ListSpaceAssignments(ctx, spaceID, AssignmentQuery{Next: link})
	}, "")
}

// CreateSpaceAssignment gives somebody roles in a space.
func (c *Client) CreateSpaceAssignment(ctx context.Context, spaceID string, a SpaceAssignmentCreate) (SpaceAssignment, error) {
	const op = "createSpaceAssignment"
	types := []string{AssigneeUser, AssigneeGroup}
	if c.dialect == Cloud {
		types = append(types, AssigneeBot)
	}
	err := cmp.Or(checkOneOf(op, "type", a.Type, types...), checkRequired(op, "assigneeId", a.AssigneeID), c.checkRoles(op, a.Roles))
	if err != nil {
		return SpaceAssignment{}, err
	}
	return c.assignment(ctx, call{op: op, path: []string{spaceID}, body: a})
}

// checkRoles checks that there are roles, and that the dialect has them.
func (c *Client) checkRoles(op string, roles []string) error {
	if len(roles) == 0 {
		return invalid(op, "at least one role is required")
	}
	for _, role := range roles {
		if err := checkOneOf(op, "role", role, c.dialect.Roles()...); err != nil {
			return err
		}
	}
	return nil
}

// GetSpaceAssignment tells about one assignment.
func (c *Client) GetSpaceAssignment(ctx context.Context, spaceID, assignmentID string) (SpaceAssignment, error) {
	return c.assignment(ctx, call{op: "getSpaceAssignment", path: []string{spaceID, assignmentID}})
}

// UpdateSpaceAssignment replaces the roles of an assignment. The document's
// dialect takes exactly one.
func (c *Client) UpdateSpaceAssignment(ctx context.Context, spaceID, assignmentID string, roles ...string) (SpaceAssignment, error) {
	const op = "updateSpaceAssignment"
	if err := c.checkRoles(op, roles); err != nil {
		return SpaceAssignment{}, err
	}
	k := call{op: op, path: []string{spaceID, assignmentID}, body: map[string][]string{"roles": roles}}
	if c.dialect == OpenAPI {
		if len(roles) > 1 {
			return SpaceAssignment{}, invalid(op, "%d roles, exactly one is allowed", len(roles))
		}
		k.body = map[string]string{"role": roles[0]}
	}
	return c.assignment(ctx, k)
}

// DeleteSpaceAssignment takes somebody's roles in a space away.
func (c *Client) DeleteSpaceAssignment(ctx context.Context, spaceID, assignmentID string) error {
	return c.do(ctx, call{op: "deleteSpaceAssignment", path: []string{spaceID, assignmentID}}, nil)
}

// assignment sends a call that is answered with an assignment.
func (c *Client) assignment(ctx context.Context, k call) (SpaceAssignment, error) {
	var out SpaceAssignment
	if err := c.do(ctx, k, &out); err != nil {
		return SpaceAssignment{}, err
	}
	return out, c.identified(k.op, out.ID)
}
