package qlik

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"
)

// A Webhook is one registration for a tenant's events. Its secret is never told.
type Webhook struct {
	ID             string   `json:"id"`
	Name           string   `json:"name"`
	Description    string   `json:"description,omitempty"`
	URL            string   `json:"url"`
	EventTypes     []string `json:"eventTypes"`
	Level          string   `json:"level"` // tenant, or user: then only what its owner does
	Enabled        bool     `json:"enabled"`
	DisabledReason string   `json:"disabledReason,omitempty"` // why Qlik switched it off
	Filter         string   `json:"filter,omitempty"`
	OwnerID        string   `json:"ownerId,omitempty"`
}

// A WebhookCreate is a webhook to be made.
type WebhookCreate struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	URL         string   `json:"url"`
	EventTypes  []string `json:"eventTypes"`
	Level       string   `json:"level,omitempty"` // tenant needs an administrator
	Enabled     bool     `json:"enabled"`
	Secret      string   `json:"secret"` // 32 to 64 characters
}

// A WebhookPatch replaces one property of a webhook.
type WebhookPatch struct {
	Path  string // /enabled, /url, /secret, /eventTypes, /name or /description
	Value any
}

// A Delivery is one request of a webhook and what became of it. Qlik keeps them for
// seven days.
type Delivery struct {
	ID            string
	EventType     string
	Status        string // success or fail
	StatusMessage string
	TriggeredAt   time.Time
	Body          json.RawMessage // the event
	StatusCode    int             // of the receiver's answer; 0: there was none
}

// Delivered says whether the receiver took the delivery.
func (d Delivery) Delivered() bool { return d.Status == "success" }

// UnmarshalJSON reads a delivery.
func (d *Delivery) UnmarshalJSON(b []byte) error {
	var wire struct {
		ID, EventType, Status, StatusMessage string
		TriggeredAt                          instant
		Request                              struct{ Body json.RawMessage }
		Response                             struct{ StatusCode int }
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*d = Delivery{
		ID: wire.ID, EventType: wire.EventType, Status: wire.Status, StatusMessage: wire.StatusMessage,
		TriggeredAt: time.Time(wire.TriggeredAt), Body: wire.Request.Body, StatusCode: wire.Response.StatusCode,
	}
	var text string
	if json.Unmarshal(d.Body, &text) == nil { // the body as text
		d.Body = json.RawMessage(text)
	}
	return nil
}

// Webhooks walks the webhooks that the caller has access to; an administrator has to
// all of them. Like everything about webhooks it needs the live service.
func (c *Client) Webhooks(ctx context.Context) iter.Seq2[Webhook, error] {
	return walk[Webhook](ctx, c, call{op: "getWebhooks", query: url.Values{"limit": {number(maxPage)}}})
}

// CreateWebhook registers a webhook.
func (c *Client) CreateWebhook(ctx context.Context, webhook WebhookCreate) (Webhook, error) {
	const op = "createWebhook"
	var out Webhook
	if err := cmp.Or(checkRequired(op, "name", webhook.Name), checkRequired(op, "url", webhook.URL)); err != nil {
		return out, err
	}
	if err := c.do(ctx, call{op: op, body: webhook}, &out); err != nil {
		return out, err
	}
	return out, c.identified(op, out.ID)
}

// PatchWebhook changes a webhook: all of the patch or nothing of it.
func (c *Client) PatchWebhook(ctx context.Context, webhookID string, patch ...WebhookPatch) error {
	body := []map[string]any{}
	for _, p := range patch {
		body = append(body, map[string]any{"op": "replace", "path": p.Path, "value": p.Value})
	}
	return c.do(ctx, call{op: "patchWebhook", path: []string{webhookID}, body: body}, nil)
}

// WebhookDeliveries walks the deliveries of a webhook, the newest first.
func (c *Client) WebhookDeliveries(ctx context.Context, webhookID string) iter.Seq2[Delivery, error] {
	return walk[Delivery](ctx, c, call{
		op: "getWebhookDeliveries", path: []string{webhookID}, query: url.Values{"limit": {number(maxPage)}, "sort": {"-triggeredAt"}},
	})
}

// ResendWebhookDelivery sends an event once more, to where the webhook leads now. The
// new delivery may have failed too.
func (c *Client) ResendWebhookDelivery(ctx context.Context, webhookID, deliveryID string) (Delivery, error) {
	var out Delivery
	err := c.do(ctx, call{op: "resendWebhookDelivery", path: []string{webhookID, deliveryID}}, &out)
	return out, err
}
