package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
)

// SpaceUpdate says what to change in a space.
type SpaceUpdate struct {
	Name        string  `json:"name,omitempty"`        // empty: as it is
	OwnerID     string  `json:"ownerId,omitempty"`     // empty: as it is
	Description *string `json:"description,omitempty"` // nil: as it is
}

// UpdateSpace changes a space.
func (c *Client) UpdateSpace(ctx context.Context, spaceID string, to SpaceUpdate) (Space, error) {
	return c.space(ctx, call{op: "updateSpace", path: []string{spaceID}, body: to})
}

// A JSONPatch is one operation of a JSON Patch, RFC 6902.
type JSONPatch struct {
	Op    string `json:"op"`   // add, remove or replace; the live service takes replace only
	Path  string `json:"path"` // /name, /ownerId or /description
	Value any    `json:"value,omitempty"`
}

// PatchSpace changes parts of a space, all of them or none.
func (c *Client) PatchSpace(ctx context.Context, spaceID string, patch ...JSONPatch) (Space, error) {
	const op = "patchSpace"
	if len(patch) == 0 {
		return Space{}, invalid(op, "at least one operation is required")
	}
	known := []string{"add", "remove", "replace"}
	if c.dialect == Cloud {
		known = []string{"replace"}
	}
	for _, p := range patch {
		err := cmp.Or(checkOneOf(op, "op", p.Op, known...), checkOneOf(op, "path", p.Path, "/name", "/ownerId", "/description"))
		if err != nil {
			return Space{}, err
		}
	}
	return c.space(ctx, call{op: op, path: []string{spaceID}, body: patch})
}

// DeleteSpace deletes a space.
func (c *Client) DeleteSpace(ctx context.Context, spaceID string) error {
	return c.do(ctx, call{op: "deleteSpace", path: []string{spaceID}}, nil)
}

// A SpaceType is one type of spaces that a tenant has.
type SpaceType struct {
	Type        string `json:"type"`
	Description string `json:"description,omitempty"` // the live service sends none
}

// UnmarshalJSON reads a type in either dialect: an object, or its bare name.
func (t *SpaceType) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*t = SpaceType{}
		return json.Unmarshal(b, &t.Type)
	}
	type plain SpaceType
	if err := json.Unmarshal(b, (*plain)(t)); err != nil {
		return fmt.Errorf("read space type: %w", err)
	}
	return nil
}

// ListSpaceTypes lists the types of spaces that the tenant has.
func (c *Client) ListSpaceTypes(ctx context.Context) ([]SpaceType, error) {
	var out array[SpaceType]
	err := c.do(ctx, call{op: "listSpaceTypes"}, &out)
	return out, err
}
