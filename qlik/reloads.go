package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// A ReloadStatus is how far a reload is. Values that Qlik adds are kept as they are.
type ReloadStatus string

// The statuses.
const (
	ReloadQueued        ReloadStatus = "QUEUED"
	ReloadReloading     ReloadStatus = "RELOADING"
	ReloadCanceling     ReloadStatus = "CANCELING"
	ReloadSucceeded     ReloadStatus = "SUCCEEDED"
	ReloadFailed        ReloadStatus = "FAILED"
	ReloadCanceled      ReloadStatus = "CANCELED"
	ReloadExceededLimit ReloadStatus = "EXCEEDED_LIMIT"
)

// Ended says that the reload's status is its last. An unknown status is not.
func (s ReloadStatus) Ended() bool {
	switch s {
	case ReloadSucceeded, ReloadFailed, ReloadCanceled, ReloadExceededLimit:
		return true
	}
	return false
}

// TypeExternal is the type of reloads that were started through the API.
const TypeExternal = "external"

// A Reload is the record of one reload of an app.
type Reload struct {
	ID           string        `json:"id"`
	AppID        string        `json:"appId,omitempty"`
	TenantID     string        `json:"tenantId,omitempty"`
	UserID       string        `json:"userId,omitempty"` // who started it
	Type         string        `json:"type,omitempty"`   // hub, external, chronos, automations or what Qlik adds
	Status       ReloadStatus  `json:"status,omitempty"`
	Partial      bool          `json:"partial,omitempty"`
	Weight       int           `json:"weight,omitempty"` // live service only
	Log          string        `json:"log,omitempty"`    // only when asked for
	CreationTime time.Time     `json:"creationTime,omitzero"`
	StartTime    time.Time     `json:"startTime,omitzero"` // when it left the queue
	EndTime      time.Time     `json:"endTime,omitzero"`
	Duration     time.Duration `json:"-"` // from start to end, as told or computed; 0 while it is not known
	EngineTime   string        `json:"engineTime,omitempty"`
	ErrorCode    string        `json:"errorCode,omitempty"`    // of a failed one; live service only
	ErrorMessage string        `json:"errorMessage,omitempty"` // of a failed one; live service only
	ResourceID   string        `json:"resourceId,omitempty"`   // live service only, and not everywhere
	ResourceType string        `json:"resourceType,omitempty"` // live service only, and not everywhere
	Links        ReloadLinks   `json:"links,omitzero"`
}

// ReloadLinks are the addresses of a reload's parts.
type ReloadLinks struct {
	Self Link `json:"self,omitzero"`
}

// UnmarshalJSON reads a reload.
func (r *Reload) UnmarshalJSON(b []byte) error {
	type plain Reload
	wire := struct {
		*plain
		CreationTime instant `json:"creationTime"`
		StartTime    instant `json:"startTime"`
		EndTime      instant `json:"endTime"`
		EngineTime   text    `json:"engineTime"`
		ErrorCode    text    `json:"errorCode"`
		Duration     text    `json:"duration"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	r.CreationTime, r.StartTime, r.EndTime = time.Time(wire.CreationTime), time.Time(wire.StartTime), time.Time(wire.EndTime)
	r.EngineTime, r.ErrorCode = string(wire.EngineTime), string(wire.ErrorCode)
	r.Duration = parseDuration(string(wire.Duration))
	if r.Duration == 0 && !r.StartTime.IsZero() && r.EndTime.After(r.StartTime) {
		r.Duration = r.EndTime.Sub(r.StartTime)
	}
	return nil
}

// ReloadCreate says which app to reload, and how.
type ReloadCreate struct {
	AppID     string
	Partial   bool              // add to the data instead of replacing it
	Variables map[string]string // set in the script; at most 20, names and values of at most 256 characters

	// What only the live service knows; the document's dialect leaves it out.
	Weight       int // 1 to 10: the higher, the sooner it leaves the queue; 0 leaves it to Qlik
	ResourceType string
	ResourceID   string // kept in the record, where the service is new enough
}

// reloadBody is ReloadCreate on the wire.
type reloadBody struct {
	AppID        string `json:"appId"`
	Partial      bool   `json:"partial"`
	Variables    any    `json:"variables,omitempty"`
	Weight       int    `json:"weight,omitempty"`
	ResourceType string `json:"resourceType,omitempty"`
	ResourceID   string `json:"resourceId,omitempty"`
}

// variable is one variable in the document's dialect.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ReloadApp starts a reload of an app and gives its record. Errors with
// CodePending say that the app has a reload already, those with CodeFrequency
// that it had too many.
func (c *Client) ReloadApp(ctx context.Context, reload ReloadCreate) (Reload, error) {
	const op = "reloadApp"
	if err := reload.check(op); err != nil {
		return Reload{}, err
	}
	return c.reload(ctx, call{op: op, body: reload.body(c.dialect)})
}

func (r ReloadCreate) check(op string) error {
	if err := checkRequired(op, "appId", r.AppID); err != nil {
		return err
	}
	if len(r.Variables) > maxVariables {
		return invalid(op, "%d variables, at most %d are allowed", len(r.Variables), maxVariables)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		err := cmp.Or(checkRequired(op, "a variable's name", name), checkLength(op, "a variable's name", name),
			checkLength(op, "variable "+name, r.Variables[name]))
		if err != nil {
			return err
		}
	}
	if r.Weight < 0 || r.Weight > 10 {
		return invalid(op, "weight is %d, expected 1 to 10", r.Weight)
	}
	return nil
}

func (r ReloadCreate) body(d Dialect) reloadBody {
	b := reloadBody{AppID: r.AppID, Partial: r.Partial}
	if d == Cloud {
		b.Weight, b.ResourceType, b.ResourceID = r.Weight, r.ResourceType, r.ResourceID
		if len(r.Variables) > 0 {
			b.Variables = r.Variables
		}
		return b
	}
	var list []variable
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		list = append(list, variable{name, r.Variables[name]})
	}
	if list != nil {
		b.Variables = list
	}
	return b
}

// GetReload tells how far a reload is.
func (c *Client) GetReload(ctx context.Context, reloadID string) (Reload, error) {
	return c.reload(ctx, call{op: "getReload", path: []string{reloadID}})
}

// A ReloadQuery chooses reloads of a listing.
type ReloadQuery struct {
	AppID   string // required by the document; an administrator of the live service may leave it out
	Filter  string // SCIM: status eq "FAILED" or partial eq "true"; attributes status, partial, type
	Partial *bool
	Log     bool   // with the log of each
	Sort    string // live service only: + or -, then creationTime, status, startTime or endTime
	Limit   int    // of a page, at most 100; default: left to Qlik, which takes 10
	Next    string // Page.Next of an earlier page; the rest of the query is in it
}

// ListReloads gives one page of the reloads of an app, in Qlik's order.
func (c *Client) ListReloads(ctx context.Context, q ReloadQuery) (Page[Reload], error) {
	const op = "listReloads"
	if err := checkLimit(op, q.Limit); err != nil {
		return Page[Reload]{}, err
	}
	if q.AppID == "" && q.Next == "" && c.dialect == OpenAPI {
		return Page[Reload]{}, invalid(op, "appId is required")
	}
	query := url.Values{"appId": {q.AppID}, "filter": {q.Filter}, "limit": {number(q.Limit)}}
	if q.Log {
		query.Set("log", "true")
	}
	if q.Partial != nil {
		query.Set("partial", strconv.FormatBool(*q.Partial))
	}
	if c.dialect == Cloud {
		query.Set("sort", q.Sort)
	}
	return list[Reload](ctx, c, call{op: op, query: query}, q.Next)
}

// Reloads walks all reloads of a query, page by page; each page is one call.
// After an error it ends.
func (c *Client) Reloads(ctx context.Context, q ReloadQuery) iter.Seq2[Reload, error] {
	return pages("listReloads", func(link string) (Page[Reload], error) {
		q.Next = link
		return c.ListReloads(ctx, q)
	}, q.Next)
}

// CancelReload asks Qlik to cancel a reload. It is done when nothing is left to
// wait for; otherwise the reload is being cancelled and may still end any way:
// ask GetReload. A 409 says that it can not be cancelled any more.
func (c *Client) CancelReload(ctx context.Context, reloadID string) (done bool, err error) {
	resp, err := c.send(ctx, call{op: "cancelReload", path: []string{reloadID}})
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode == http.StatusNoContent, nil
}

// reload sends a call that is answered with a reload.
func (c *Client) reload(ctx context.Context, k call) (Reload, error) {
	var out Reload
	if err := c.do(ctx, k, &out); err != nil {
		return Reload{}, err
	}
	return out, c.identified(k.op, out.ID)
}
