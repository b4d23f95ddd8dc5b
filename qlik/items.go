package qlik

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// An Item is an entry of the live service's catalogue: here, an app.
type Item struct {
	ID           string // of the entry, not of the app
	Name         string
	SpaceID      string
	ResourceID   string // the app
	ResourceType string
	CreatedAt    time.Time
	OriginAppID  string // of a published app: its source
	PublishTime  time.Time
}

// UnmarshalJSON reads an item.
func (i *Item) UnmarshalJSON(b []byte) error {
	var wire struct {
		ID, Name, SpaceID, ResourceID, ResourceType string
		CreatedAt                                   instant
		ResourceAttributes                          struct {
			ID, OriginAppID string
			PublishTime     instant
		}
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*i = Item{
		ID: wire.ID, Name: wire.Name, SpaceID: wire.SpaceID, ResourceID: wire.ResourceID, ResourceType: wire.ResourceType,
		CreatedAt: time.Time(wire.CreatedAt), OriginAppID: wire.ResourceAttributes.OriginAppID,
		PublishTime: time.Time(wire.ResourceAttributes.PublishTime),
	}
	if i.ResourceID == "" {
		i.ResourceID = wire.ResourceAttributes.ID
	}
	return nil
}

// FindPublished gives the apps of a managed space that were published from a
// source. It needs the live service, and each page it reads is one call.
func (c *Client) FindPublished(ctx context.Context, sourceAppID, spaceID string) ([]Item, error) {
	return c.find(ctx, url.Values{"spaceId": {spaceID}}, func(i Item) bool { return i.OriginAppID == sourceAppID })
}

// FindByName gives the apps with exactly this name, in one space or, with
// spaceID "", wherever the caller has access. It needs the live service, and
// each page it reads is one call.
func (c *Client) FindByName(ctx context.Context, name, spaceID string) ([]Item, error) {
	return c.find(ctx, url.Values{"spaceId": {spaceID}, "name": {name}}, func(i Item) bool { return i.Name == name })
}

// find gives the apps of a query that match.
func (c *Client) find(ctx context.Context, query url.Values, matches func(Item) bool) ([]Item, error) {
	var found []Item
	for item, err := range c.items(ctx, query) {
		if err != nil {
			return nil, err
		}
		if matches(item) {
			found = append(found, item)
		}
	}
	return found, nil
}

// items walks the catalogue's apps, the newest first.
func (c *Client) items(ctx context.Context, query url.Values) iter.Seq2[Item, error] {
	query.Set("resourceType", "app")
	query.Set("limit", number(maxPage))
	query.Set("sort", "-createdAt")
	query.Set("noActions", "true")
	return walk[Item](ctx, c, call{op: "listItems", query: query})
}
