package sim

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"
)

// change puts other settings of a webhook in force.
func (t *Tenant) change(h *hook, settings hookSettings, now time.Time) {
	if settings.Enabled && !h.settings.Enabled {
		h.failures, h.disabledReason = 0, ""
	}
	h.settings, h.updated = settings, now
	t.arm(now)
}

// updateWebhook replaces a webhook: what is left out is as in a new one, so that it
// is off and has no secret. What only Qlik may write must be as it is, if it is
// there at all.
func (t *Tenant) updateWebhook(r *request) answer {
	h, refused := t.findHook(r)
	if refused != nil {
		return *refused
	}
	var sent, has map[string]any
	var settings hookSettings
	if err := json.Unmarshal(r.body, &settings); err != nil {
		return *t.invalid("The body is not valid: " + err.Error() + ".")
	}
	shown, err := json.Marshal(h.show())
	if err == nil {
		err = json.Unmarshal(shown, &has)
	}
	if err == nil {
		err = json.Unmarshal(r.body, &sent)
	}
	if err != nil {
		return *t.invalid("The body is not valid: " + err.Error() + ".")
	}
	for _, field := range []string{"id", "createdAt", "createdByUserId", "updatedAt", "updatedByUserId", "origin", "disabledReason"} {
		if value, there := sent[field]; there && !reflect.DeepEqual(value, has[field]) {
			return t.fail(http.StatusConflict, "", field+" can not be changed.")
		}
	}
	settings.Origin = h.settings.Origin
	setDefault(&settings.Level, h.settings.Level)
	if wrong := settings.check(); wrong != "" {
		return *t.invalid(wrong)
	}
	if settings.Level == "tenant" && !r.user.admin() {
		return *t.forbid("Only an administrator may have webhooks of the tenant.")
	}
	t.change(h, settings, r.now)
	return ok(http.StatusOK, h.show())
}
