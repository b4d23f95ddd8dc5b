package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// The types of spaces.
const (
	SpaceShared  = "shared"
	SpaceManaged = "managed" // apps get here by publishing
	SpaceData    = "data"
)

// A Space is a place for apps with people who may use them.
type Space struct {
	ID          string     `json:"id"`
	Name        string     `json:"name,omitempty"`
	Type        string     `json:"type,omitempty"` // shared, managed, data or what Qlik adds
	Description string     `json:"description,omitempty"`
	OwnerID     string     `json:"ownerId,omitempty"`
	TenantID    string     `json:"tenantId,omitempty"`
	CreatedAt   time.Time  `json:"createdAt,omitzero"`
	CreatedBy   string     `json:"createdBy,omitempty"`
	UpdatedAt   time.Time  `json:"updatedAt,omitzero"`
	Meta        SpaceMeta  `json:"meta,omitzero"`
	Links       SpaceLinks `json:"links,omitzero"`
}

// SpaceMeta is what the caller may do in a space.
type SpaceMeta struct {
	Roles           []string `json:"roles,omitempty"`
	Actions         []string `json:"actions,omitempty"`
	AssignableRoles []string `json:"assignableRoles,omitempty"`
}

// SpaceLinks are the addresses of a space's parts.
type SpaceLinks struct {
	Self        Link `json:"self,omitzero"`
	Assignments Link `json:"assignments,omitzero"`
}

// UnmarshalJSON reads a space.
func (s *Space) UnmarshalJSON(b []byte) error {
	type plain Space
	wire := struct {
		*plain
		CreatedAt instant `json:"createdAt"`
		UpdatedAt instant `json:"updatedAt"`
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	s.CreatedAt, s.UpdatedAt = time.Time(wire.CreatedAt), time.Time(wire.UpdatedAt)
	return nil
}

// SpaceCreate says what space to create.
type SpaceCreate struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // shared, managed or data
	Description string `json:"description,omitempty"`
}

// A SpaceQuery chooses spaces of a listing. The zero value asks for all.
type SpaceQuery struct {
	Name    string // the live service finds names that contain it
	Type    string // shared, managed or data
	OwnerID string
	Action  string // only spaces in which the caller may do this
	Sort    string // a field, with + or - in front
	Limit   int    // of a page, at most 100; default: left to Qlik, which takes 10
	Next    string // Page.Next of an earlier page; the rest of the query is in it
}

// ListSpaces gives one page of the spaces that the caller has access to.
func (c *Client) ListSpaces(ctx context.Context, q SpaceQuery) (Page[Space], error) {
	const op = "listSpaces"
	if err := cmp.Or(checkLimit(op, q.Limit), checkOneOf(op, "type", q.Type, "", SpaceShared, SpaceManaged, SpaceData)); err != nil {
		return Page[Space]{}, err
	}
	query := url.Values{
		"name": {q.Name}, "type": {q.Type}, "ownerId": {q.OwnerID}, "action": {q.Action},
		"sort": {q.Sort}, "limit": {number(q.Limit)},
	}
	return list[Space](ctx, c, call{op: op, query: query}, q.Next)
}

// Spaces walks all spaces of a query, page by page; each page is one call. After
// an error it ends.
func (c *Client) Spaces(ctx context.Context, q SpaceQuery) iter.Seq2[Space, error] {
	return pages("listSpaces", func(link string) (Page[Space], error) {
		q.Next = link
		return c.ListSpaces(ctx, q)
	}, q.Next)
}

// CreateSpace creates a space. Its name must be new in the tenant.
func (c *Client) CreateSpace(ctx context.Context, space SpaceCreate) (Space, error) {
	const op = "createSpace"
	err := cmp.Or(checkRequired(op, "name", space.Name), checkOneOf(op, "type", space.Type, SpaceShared, SpaceManaged, SpaceData))
	if err != nil {
		return Space{}, err
	}
	return c.space(ctx, call{op: op, body: space})
}

// GetSpace tells about one space.
func (c *Client) GetSpace(ctx context.Context, spaceID string) (Space, error) {
	return c.space(ctx, call{op: "getSpace", path: []string{spaceID}})
}

// space sends a call that is answered with a space.
func (c *Client) space(ctx context.Context, k call) (Space, error) {
	var out Space
	if err := c.do(ctx, k, &out); err != nil {
		return Space{}, err
	}
	return out, c.identified(k.op, out.ID)
}

// number writes a number of a query; 0 is left out.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
