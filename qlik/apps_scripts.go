package qlik

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// An AppScript is one version of an app's load script.
type AppScript struct {
	ID           string    `json:"id,omitempty"`
	Script       string    `json:"script,omitempty"` // the live service does not list it: see GetAppScript
	CreatedDate  time.Time `json:"createdDate,omitzero"`
	ModifiedDate time.Time `json:"modifiedDate,omitzero"`
	ModifierID   string    `json:"modifierId,omitempty"` // live service only
	Size         int64     `json:"size,omitempty"`       // live service only
	Message      string    `json:"versionMessage,omitempty"`
}

// UnmarshalJSON reads a version in either dialect.
func (s *AppScript) UnmarshalJSON(b []byte) error {
	type plain AppScript
	wire := struct {
		*plain
		ScriptID     string  `json:"scriptId"`
		CreatedDate  instant `json:"createdDate"`
		ModifiedDate instant `json:"modifiedDate"`
		ModifiedTime instant `json:"modifiedTime"`
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	if s.ID == "" {
		s.ID = wire.ScriptID
	}
	s.CreatedDate, s.ModifiedDate = time.Time(wire.CreatedDate), time.Time(wire.ModifiedDate)
	if s.ModifiedDate.IsZero() {
		s.ModifiedDate = time.Time(wire.ModifiedTime)
	}
	return nil
}

// GetAppScripts lists the versions of an app's script, in Qlik's order.
func (c *Client) GetAppScripts(ctx context.Context, appID string) ([]AppScript, error) {
	var out array[AppScript]
	err := c.do(ctx, call{op: "getAppScripts", path: []string{appID}}, &out)
	return out, err
}

// GetAppScript gives one version of an app's script with its text; "current" is
// the last one. It needs the live service.
func (c *Client) GetAppScript(ctx context.Context, appID, scriptID string) (AppScript, error) {
	var out AppScript
	if err := c.do(ctx, call{op: "getAppScript", path: []string{appID, scriptID}}, &out); err != nil {
		return AppScript{}, err
	}
	if out.ID == "" {
		out.ID = scriptID
	}
	return out, nil
}

// SetAppScript makes a text the current script of an app, and gives the new
// version. The live service does not tell its identifier.
func (c *Client) SetAppScript(ctx context.Context, appID, script string) (AppScript, error) {
	const op = "setAppScript"
	out := AppScript{Script: script}
	err := c.do(ctx, call{op: op, path: []string{appID}, body: map[string]string{"script": script}}, mayBeEmpty{&out})
	return out, err
}

// An array is a list that is sent bare by the document's dialect, and under
// `data` or `scripts` by the live service.
type array[T any] []T

// UnmarshalJSON reads a list in either dialect. Anything else is an error.
func (a *array[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(a))
	}
	var wire struct {
		Data    *[]T `json:"data"`
		Scripts *[]T `json:"scripts"`
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	switch {
	case wire.Data != nil:
		*a = *wire.Data
	case wire.Scripts != nil:
		*a = *wire.Scripts
	default:
		return fmt.Errorf("%w: expected a list", errUnusable)
	}
	return nil
}
