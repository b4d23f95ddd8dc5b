package qlik

import (
	"cmp"
	"context"
)

// AppPublish says how a source app is published to a managed space, or, with
// TargetID, which published app it replaces.
type AppPublish struct {
	SpaceID string // the managed space; required, except by the live service for a republish
	Data    string // "source": with the source's data; "target" (live service only): with the target's; default: left to Qlik

	Name        string // of the published app; default: the source's
	Description string // of the published app

	// TargetID is the published app that RepublishApp replaces. The document's
	// dialect can not say it: there, the app published from the source into
	// SpaceID is replaced.
	TargetID string

	// AnyOrigin lets RepublishApp replace an app that was published from
	// another source. The live service refuses that otherwise.
	AnyOrigin bool
}

// publishBody is AppPublish on the wire.
type publishBody struct {
	SpaceID          string             `json:"spaceId,omitempty"`
	TargetID         string             `json:"targetId,omitempty"`
	Data             string             `json:"data,omitempty"`
	Attributes       *publishAttributes `json:"attributes,omitempty"`
	CheckOriginAppID *bool              `json:"checkOriginAppId,omitempty"`
}

type publishAttributes struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
}

// PublishApp publishes a source app as a new app of a managed space, and gives
// the published app. A repeat publishes it once more.
func (c *Client) PublishApp(ctx context.Context, appID string, to AppPublish) (App, error) {
	const op = "publishApp"
	if err := cmp.Or(checkRequired(op, "spaceId", to.SpaceID), c.checkPublish(op, to)); err != nil {
		return App{}, err
	}
	return c.app(ctx, call{op: op, path: []string{appID}, body: to.body()})
}

// RepublishApp replaces a published app by its source, in place, and gives the
// published app. appID is the source.
func (c *Client) RepublishApp(ctx context.Context, appID string, to AppPublish) (App, error) {
	const op = "republishApp"
	required := checkRequired(op, "spaceId", to.SpaceID)
	if c.dialect == Cloud {
		required = checkRequired(op, "targetId", to.TargetID)
	}
	if err := cmp.Or(required, c.checkPublish(op, to)); err != nil {
		return App{}, err
	}
	body := to.body()
	if c.dialect == Cloud {
		check := !to.AnyOrigin
		body.TargetID, body.CheckOriginAppID = to.TargetID, &check
	}
	return c.app(ctx, call{op: op, path: []string{appID}, body: body})
}

// checkPublish checks what both ways of publishing share.
func (c *Client) checkPublish(op string, to AppPublish) error {
	known := []string{"", "source"}
	if c.dialect == Cloud {
		known = append(known, "target")
	}
	return cmp.Or(checkOneOf(op, "data", to.Data, known...), checkLength(op, "name", to.Name))
}

func (p AppPublish) body() publishBody {
	b := publishBody{SpaceID: p.SpaceID, Data: p.Data}
	if p.Name != "" || p.Description != "" {
		b.Attributes = &publishAttributes{p.Name, p.Description}
	}
	return b
}
