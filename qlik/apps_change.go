package qlik

import "context"

// AppUpdate says what to change in an app.
type AppUpdate struct {
	Name        string  `json:"name,omitempty"`        // at most 256 characters; empty: as it is
	Description *string `json:"description,omitempty"` // nil: as it is
}

// UpdateApp changes the name or the description of an app.
func (c *Client) UpdateApp(ctx context.Context, appID string, to AppUpdate) (App, error) {
	const op = "updateApp"
	if err := checkLength(op, "name", to.Name); err != nil {
		return App{}, err
	}
	return c.app(ctx, call{op: op, path: []string{appID}, body: c.dialect.wrap(to)})
}

// DeleteApp deletes an app. The live service keeps older ones restorable for a
// while.
func (c *Client) DeleteApp(ctx context.Context, appID string) error {
	return c.do(ctx, call{op: "deleteApp", path: []string{appID}}, nil)
}

// UpdateAppOwner gives an app to another user.
func (c *Client) UpdateAppOwner(ctx context.Context, appID, ownerID string) (App, error) {
	const op = "updateAppOwner"
	if err := checkRequired(op, "ownerId", ownerID); err != nil {
		return App{}, err
	}
	return c.app(ctx, call{op: op, path: []string{appID}, body: map[string]string{"ownerId": ownerID}})
}

// MoveAppToSpace puts an app into a space.
func (c *Client) MoveAppToSpace(ctx context.Context, appID, spaceID string) (App, error) {
	const op = "moveAppToSpace"
	if err := checkRequired(op, "spaceId", spaceID); err != nil {
		return App{}, err
	}
	return c.app(ctx, call{op: op, path: []string{appID}, body: map[string]string{"spaceId": spaceID}})
}

// RemoveAppFromSpace puts an app back into its owner's personal space.
func (c *Client) RemoveAppFromSpace(ctx context.Context, appID string) (App, error) {
	return c.app(ctx, call{op: "removeAppFromSpace", path: []string{appID}})
}
