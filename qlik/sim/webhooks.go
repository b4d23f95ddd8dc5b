package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The events that the tenant sends.
const (
	eventReload    = "com.qlik.v1.reload.finished"     // one for each reload, once it has ended
	eventAppReload = "com.qlik.v1.app.reload.finished" // one for each that the engine carried out
)

// A hook is one webhook.
type hook struct {
	id               string
	settings         hookSettings
	owner            *user
	created, updated time.Time
	deliveries       *table[*delivery]
	failures         int // in a row
	disabledReason   string
}

// hookSettings is what a webhook is created with, and what a patch may change.
type hookSettings struct {
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	URL              string            `json:"url"`
	EventTypes       []string          `json:"eventTypes"`
	Headers          map[string]string `json:"headers"`
	EncryptedHeaders map[string]string `json:"encryptedHeaders"`
	Enabled          bool              `json:"enabled"`
	Secret           string            `json:"secret"`
	Filter           string            `json:"filter"`
	Level            string            `json:"level"`
	Origin           string            `json:"origin"`
}

// hookBody is a webhook on the wire: its secrets are not told.
type hookBody struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	URL              string            `json:"url"`
	EventTypes       []string          `json:"eventTypes"`
	Headers          map[string]string `json:"headers"`
	EncryptedHeaders []string          `json:"encryptedHeaders"`
	Enabled          bool              `json:"enabled"`
	SecretKeyAdded   bool              `json:"secretKeyAdded"`
	Filter           string            `json:"filter,omitempty"`
	Level            string            `json:"level"`
	Origin           string            `json:"origin"`
	OwnerID          string            `json:"ownerId"`
	CreatedAt        moment            `json:"createdAt"`
	CreatedByUserID  string            `json:"createdByUserId"`
	UpdatedAt        moment            `json:"updatedAt"`
	UpdatedByUserID  string            `json:"updatedByUserId"`
	DisabledReason   string            `json:"disabledReason,omitempty"`
}

func (h *hook) show() hookBody {
	s := h.settings
	b := hookBody{
		ID: h.id, Name: s.Name, Description: s.Description, URL: s.URL, EventTypes: s.EventTypes, Headers: s.Headers,
		EncryptedHeaders: []string{}, Enabled: s.Enabled, SecretKeyAdded: s.Secret != "", Filter: s.Filter, Level: s.Level,
		Origin: s.Origin, OwnerID: h.owner.id, CreatedAt: moment(h.created), CreatedByUserID: h.owner.id,
		UpdatedAt: moment(h.updated), UpdatedByUserID: h.owner.id, DisabledReason: h.disabledReason,
	}
	for name := range s.EncryptedHeaders {
		b.EncryptedHeaders = append(b.EncryptedHeaders, name)
	}
	slices.Sort(b.EncryptedHeaders)
	return b
}

// check says what is wrong with a webhook; "" is nothing. Unlike Qlik it takes
// http and addresses in digits, so that one can be tried on one machine.
func (s hookSettings) check() string {
	u, err := url.Parse(s.URL)
	switch {
	case s.Name == "":
		return "name is required."
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "url is not the address of a web server."
	case s.Secret != "" && (len(s.Secret) < 32 || len(s.Secret) > 64):
		return fmt.Sprintf("secret has %d characters, expected 32 to 64.", len(s.Secret))
	case s.Level != "tenant" && s.Level != "user":
		return "level is not tenant or user."
	}
	for _, event := range s.EventTypes {
		if event != eventReload && event != eventAppReload {
			return "eventTypes holds " + event + ", which this tenant does not send."
		}
	}
	if _, err := s.filter(); err != nil {
		return "The filter is not valid: " + err.Error() + "."
	}
	return ""
}

// filter reads the filter of a webhook, which lets everything through when it is
// empty.
func (s hookSettings) filter() (filter, error) {
	if s.Filter == "" {
		return func(func(string) string) bool { return true }, nil
	}
	return readFilter(s.Filter, filterRules{attributes: []string{"id", "spaceId", "topLevelResourceId"}, ne: true})
}

func (t *Tenant) createWebhook(r *request) answer {
	h := &hook{owner: r.user, created: r.now, updated: r.now, deliveries: newTable[*delivery]()}
	if err := json.Unmarshal(r.body, &h.settings); err != nil {
		return *t.invalid("The body is not valid: " + err.Error() + ".")
	}
	if r.user.admin() {
		setDefault(&h.settings.Level, "tenant")
	}
	setDefault(&h.settings.Level, "user")
	setDefault(&h.settings.Origin, "api")
	if wrong := h.settings.check(); wrong != "" {
		return *t.invalid(wrong)
	}
	if h.settings.Level == "tenant" && !r.user.admin() {
		return *t.forbid("Only an administrator may create webhooks of the tenant.")
	}
	h.id = t.newGUID()
	t.hooks.add(h.id, h)
	t.arm(r.now)
	return ok(http.StatusCreated, h.show())
}

// findHook gives the webhook of the path, or the answer that the caller has none.
func (t *Tenant) findHook(r *request) (*hook, *answer) {
	h, found := t.hooks.byID[r.PathValue("webhookId")]
	if !found || (h.owner != r.user && !r.user.admin()) {
		return nil, t.notFound("Webhook", r.PathValue("webhookId"))
	}
	return h, nil
}

func (t *Tenant) getWebhook(r *request) answer {
	h, refused := t.findHook(r)
	if refused != nil {
		return *refused
	}
	return ok(http.StatusOK, h.show())
}

func (t *Tenant) getWebhooks(r *request) answer {
	var list []*hook
	for _, h := range t.hooks.all() {
		if h.owner == r.user || r.user.admin() {
			list = append(list, h)
		}
	}
	list, links, refused := page(t, r, list, func(h *hook) string { return h.id })
	if refused != nil {
		return *refused
	}
	data := []hookBody{}
	for _, h := range list {
		data = append(data, h.show())
	}
	return ok(http.StatusOK, listing{data, links})
}

// patchWebhook changes a webhook, all of it or nothing.
func (t *Tenant) patchWebhook(r *request) answer {
	h, refused := t.findHook(r)
	if refused != nil {
		return *refused
	}
	changed, err := h.settings.patched(r.body)
	if err != nil {
		return *t.invalid("The patch is not valid: " + err.Error() + ".")
	}
	if wrong := changed.check(); wrong != "" {
		return *t.invalid(wrong)
	}
	t.change(h, changed, r.now)
	return answer{status: http.StatusNoContent}
}

// patched gives the settings as a JSON Patch leaves them.
func (s hookSettings) patched(body []byte) (hookSettings, error) {
	var patch []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(body, &patch); err != nil {
		return s, fmt.Errorf("expected a list of operations: %w", err)
	}
	known := []string{"/name", "/description", "/url", "/eventTypes", "/headers", "/enabled", "/secret", "/encryptedHeaders"}
	for i, p := range patch {
		if !slices.Contains(known, p.Path) {
			return s, fmt.Errorf("operation %d: path %q is not one of %s", i, p.Path, strings.Join(known, ", "))
		}
		switch field := strings.TrimPrefix(p.Path, "/"); p.Op {
		case "add", "replace":
			s.clear(field)
			if err := json.Unmarshal(fmt.Appendf(nil, "{%q: %s}", field, p.Value), &s); err != nil {
				return s, fmt.Errorf("operation %d: %w", i, err)
			}
		case "remove":
			s.clear(field)
		default:
			return s, fmt.Errorf("operation %d: op %q is not add, remove or replace", i, p.Op)
		}
	}
	return s, nil
}

// clear empties a field, so that what is decoded into it next replaces it.
func (s *hookSettings) clear(field string) {
	switch field {
	case "headers":
		s.Headers = nil
	case "encryptedHeaders":
		s.EncryptedHeaders = nil
	case "eventTypes":
		s.EventTypes = nil
	case "description":
		s.Description = ""
	case "secret":
		s.Secret = ""
	case "enabled":
		s.Enabled = false
	}
}

func (t *Tenant) deleteWebhook(r *request) answer {
	h, refused := t.findHook(r)
	if refused != nil {
		return *refused
	}
	t.hooks.remove(h.id)
	return answer{status: http.StatusNoContent}
}

func (t *Tenant) getWebhookEventTypes(*request) answer {
	levels := []string{"tenant", "user"}
	return ok(http.StatusOK, map[string]any{"data": []map[string]any{
		{"name": eventReload, "title": "Reload finished", "category": "reloads", "levels": levels},
		{"name": eventAppReload, "title": "App reload finished", "category": "apps", "levels": levels},
	}})
}
