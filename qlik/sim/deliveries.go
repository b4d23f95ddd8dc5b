package sim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	deliveryTimeout = 10 * time.Second
	maxFailures     = 50  // deliveries in a row; then a webhook is disabled
	maxDeliveries   = 200 // that are remembered of each webhook
)

// A delivery is one request of a webhook and what became of it.
type delivery struct {
	id        string
	eventType string
	triggered time.Time
	url       string
	body      []byte
	response  int // 0: none
	message   string
}

// deliveryBody is a delivery on the wire.
type deliveryBody struct {
	ID            string         `json:"id"`
	WebhookID     string         `json:"webhookId"`
	EventType     string         `json:"eventType"`
	Status        string         `json:"status"`
	StatusMessage string         `json:"statusMessage"`
	TriggeredAt   moment         `json:"triggeredAt"`
	Request       map[string]any `json:"request"`
	Response      map[string]any `json:"response"`
}

// status tells whether the receiver took the delivery.
func (d *delivery) status() string {
	if d.response >= 200 && d.response < 300 {
		return "success"
	}
	return "fail"
}

func (d *delivery) show(h *hook) deliveryBody {
	return deliveryBody{
		ID: d.id, WebhookID: h.id, EventType: d.eventType, Status: d.status(), StatusMessage: d.message, TriggeredAt: moment(d.triggered),
		Request:  map[string]any{"url": d.url, "body": json.RawMessage(d.body)},
		Response: map[string]any{"statusCode": d.response},
	}
}

// wants says that a webhook is to be told of an event.
func (h *hook) wants(e event, x *reload) bool {
	if !h.settings.Enabled || !slices.Contains(h.settings.EventTypes, e.Type) ||
		(h.settings.Level == "user" && h.owner.id != x.userID) {
		return false
	}
	wanted, err := h.settings.filter()
	return err == nil && wanted(func(name string) string {
		return map[string]string{"id": x.id, "spaceId": e.SpaceID, "topLevelResourceId": e.TopLevel}[name]
	})
}

// A poster sends deliveries, each in a goroutine that Close waits for, and
// wakes the tenant when the next reload ends.
type poster struct {
	sending sync.WaitGroup
	alarm   *time.Timer
	closed  bool
}

// start sends a delivery in the background.
func (p *poster) start(t *Tenant, h *hook, eventType string, body []byte) {
	if p.closed {
		return
	}
	d := &delivery{id: t.newGUID(), eventType: eventType, triggered: t.now(), url: h.settings.URL, body: body}
	settings := h.settings
	p.sending.Go(func() { t.deliver(h, settings, d) })
}

// deliver sends a delivery and writes it down. It must not hold the lock: the
// receiver may call the tenant before it answers.
func (t *Tenant) deliver(h *hook, settings hookSettings, d *delivery) {
	d.response, d.message = t.request(settings, d.body)
	t.mu.Lock()
	defer t.mu.Unlock()
	h.deliveries.add(d.id, d)
	if len(h.deliveries.order) > maxDeliveries {
		h.deliveries.remove(h.deliveries.order[0])
	}
	if d.status() == "success" {
		h.failures = 0
		return
	}
	if h.failures++; h.failures >= maxFailures {
		h.settings.Enabled, h.disabledReason = false, "delivery failure threshold"
	}
}

// request sends the request of a webhook. Redirects are not followed.
func (t *Tenant) request(s hookSettings, body []byte) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), deliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	for _, headers := range []map[string]string{s.Headers, s.EncryptedHeaders} {
		for name, value := range headers {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Qlik Webhook")
	if s.Secret != "" {
		req.Header.Set("Qlik-Signature", Sign(s.Secret, body))
	}
	client := http.Client{
		Transport:     t.cfg.Deliver,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // so that the connection can be used again
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return resp.StatusCode, fmt.Sprintf("redirects are forbidden %d", resp.StatusCode)
	}
	return resp.StatusCode, resp.Status
}

// Sign gives the Qlik-Signature of a body: HMAC-SHA256, in lower-case
// hexadecimal digits.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// arm sets the alarm for the end of the next reload, if a webhook waits for it.
// Without webhooks a tenant needs no alarm: whoever looks, computes.
func (t *Tenant) arm(now time.Time) {
	if t.post.closed || len(t.hooks.order) == 0 || len(t.running) == 0 {
		return
	}
	var next time.Time
	for _, x := range t.running {
		if end := x.end(); next.IsZero() || end.Before(next) {
			next = end
		}
	}
	if t.post.alarm != nil {
		t.post.alarm.Stop()
	}
	t.post.alarm = time.AfterFunc(next.Sub(now)+time.Millisecond, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.settle(t.now())
		t.arm(t.now())
	})
}

// Close stops webhooks and waits for the deliveries that are under way. A
// tenant without webhooks need not be closed.
func (t *Tenant) Close() {
	t.mu.Lock()
	t.post.closed = true
	if t.post.alarm != nil {
		t.post.alarm.Stop()
	}
	t.mu.Unlock()
	t.post.sending.Wait()
}

// getWebhookDeliveries lists the deliveries of a webhook, the newest first.
func (t *Tenant) getWebhookDeliveries(r *request) answer {
	h, refused := t.findHook(r)
	if refused != nil {
		return *refused
	}
	q := r.URL.Query()
	list := h.deliveries.all()
	if !strings.HasPrefix(q.Get("sort"), "+") {
		slices.Reverse(list)
	}
	list = slices.DeleteFunc(list, func(d *delivery) bool {
		return !matches(q.Get("status"), d.status()) || !matches(q.Get("eventType"), d.eventType)
	})
	list, links, refused := page(t, r, list, func(d *delivery) string { return d.id })
	if refused != nil {
		return *refused
	}
	data := []deliveryBody{}
	for _, d := range list {
		data = append(data, d.show(h))
	}
	return ok(http.StatusOK, listing{data, links})
}

// findDelivery gives the delivery of the path.
func (t *Tenant) findDelivery(r *request) (*hook, *delivery, *answer) {
	h, refused := t.findHook(r)
	if refused != nil {
		return nil, nil, refused
	}
	d, found := h.deliveries.byID[r.PathValue("deliveryId")]
	if !found {
		return nil, nil, t.notFound("Delivery", r.PathValue("deliveryId"))
	}
	return h, d, nil
}

func (t *Tenant) getWebhookDelivery(r *request) answer {
	h, d, refused := t.findDelivery(r)
	if refused != nil {
		return *refused
	}
	return ok(http.StatusOK, d.show(h))
}

// resendWebhookDelivery sends a delivery's body once more, to where the webhook
// leads now, and answers with the new delivery when it is over.
func (t *Tenant) resendWebhookDelivery(r *request) answer {
	h, d, refused := t.findDelivery(r)
	if refused != nil {
		return *refused
	}
	again := &delivery{id: t.newGUID(), eventType: d.eventType, triggered: r.now, url: h.settings.URL, body: d.body}
	settings := h.settings
	return answer{status: http.StatusCreated, late: func() any {
		t.deliver(h, settings, again)
		return again.show(h)
	}}
}
