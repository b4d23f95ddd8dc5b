package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"time"
)

// An App is what Qlik tells about an analytics app. Fields that a tenant does
// not send are empty.
type App struct {
	ID                string         `json:"id"`
	Name              string         `json:"name,omitempty"`
	Description       string         `json:"description,omitempty"`
	Thumbnail         string         `json:"thumbnail,omitempty"`
	LastReloadTime    time.Time      `json:"lastReloadTime,omitzero"` // of the last reload that succeeded
	CreatedDate       time.Time      `json:"createdDate,omitzero"`
	ModifiedDate      time.Time      `json:"modifiedDate,omitzero"`
	Owner             string         `json:"owner,omitempty"` // deprecated by Qlik: see OwnerID
	OwnerID           string         `json:"ownerId,omitempty"`
	Published         bool           `json:"published,omitempty"`   // the live service means something else: see PublishTime
	PublishTime       time.Time      `json:"publishTime,omitzero"`  // zero: not published
	OriginAppID       string         `json:"originAppId,omitempty"` // the app that this one was copied or published from
	SpaceID           string         `json:"spaceId,omitempty"`     // empty: in its owner's personal space
	TenantID          string         `json:"tenantId,omitempty"`
	Usage             string         `json:"usage,omitempty"` // ANALYTICS, DATA_PREPARATION, DATAFLOW_PREP or what Qlik adds
	DynamicColor      string         `json:"dynamicColor,omitempty"`
	HasSectionAccess  bool           `json:"hasSectionAccess,omitempty"`
	IsDirectQueryMode bool           `json:"isDirectQueryMode,omitempty"`
	Encrypted         bool           `json:"encrypted,omitempty"`
	Custom            map[string]any `json:"custom,omitempty"`
	Links             AppLinks       `json:"links,omitzero"`
}

// AppLinks are the addresses of an app's parts.
type AppLinks struct {
	Self      Link `json:"self,omitzero"`
	Open      Link `json:"open,omitzero"`
	Thumbnail Link `json:"thumbnail,omitzero"`
}

// A Link is the address of something related.
type Link struct {
	Href string `json:"href,omitempty"`
}

// UnmarshalJSON reads an app in either dialect.
func (a *App) UnmarshalJSON(b []byte) error {
	type plain App
	wire := struct {
		*plain
		LastReloadTime instant `json:"lastReloadTime"`
		CreatedDate    instant `json:"createdDate"`
		ModifiedDate   instant `json:"modifiedDate"`
		PublishTime    instant `json:"publishTime"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(attributes(b), &wire); err != nil {
		return err
	}
	a.LastReloadTime, a.CreatedDate = time.Time(wire.LastReloadTime), time.Time(wire.CreatedDate)
	a.ModifiedDate, a.PublishTime = time.Time(wire.ModifiedDate), time.Time(wire.PublishTime)
	return nil
}

// AppCreate says what app to create.
type AppCreate struct {
	Name        string `json:"name"` // at most 256 characters
	Description string `json:"description,omitempty"`
	SpaceID     string `json:"spaceId,omitempty"` // empty: the caller's personal space
}

// AppCopy says where a copy goes. The zero value leaves all to Qlik.
type AppCopy struct {
	Name        string `json:"name,omitempty"`    // empty: the source's name with a suffix
	SpaceID     string `json:"spaceId,omitempty"` // empty: the caller's personal space
	Description string `json:"description,omitempty"`
}

// GetAppsPrivileges tells what the caller may do with apps in general. It is
// the cheapest call there is, and needs no app.
func (c *Client) GetAppsPrivileges(ctx context.Context) ([]string, error) {
	var out []string
	err := c.do(ctx, call{op: "getAppsPrivileges"}, &out)
	return out, err
}

// CreateApp creates an empty app.
func (c *Client) CreateApp(ctx context.Context, app AppCreate) (App, error) {
	const op = "createApp"
	if err := cmp.Or(checkRequired(op, "name", app.Name), checkLength(op, "name", app.Name)); err != nil {
		return App{}, err
	}
	return c.app(ctx, call{op: op, body: c.dialect.wrap(app)})
}

// GetApp tells about one app.
func (c *Client) GetApp(ctx context.Context, appID string) (App, error) {
	return c.app(ctx, call{op: "getApp", path: []string{appID}})
}

// CopyApp copies an app and gives the copy.
func (c *Client) CopyApp(ctx context.Context, appID string, to AppCopy) (App, error) {
	const op = "copyApp"
	if err := checkLength(op, "name", to.Name); err != nil {
		return App{}, err
	}
	return c.app(ctx, call{op: op, path: []string{appID}, body: c.dialect.wrap(to)})
}

// app sends a call that is answered with an app.
func (c *Client) app(ctx context.Context, k call) (App, error) {
	var out App
	if err := c.do(ctx, k, &out); err != nil {
		return App{}, err
	}
	return out, c.identified(k.op, out.ID)
}
