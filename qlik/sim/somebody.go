package sim

import (
	"fmt"
	"net/http"
)

// Reload starts a reload of an app that nobody asked the API for, as a schedule or a
// person in the hub does. origin is the reload's type: hub, chronos or any other. It
// returns the reload's id.
func (t *Tenant) Reload(appID, origin string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.settle(now)
	a, found := t.apps.byID[appID]
	if !found {
		return "", fmt.Errorf("reload app %s: there is none", appID)
	}
	if !t.cfg.QueueReloads && t.pending(appID) {
		return "", fmt.Errorf("reload app %s: a pending reload exists", appID)
	}
	x := t.start(&request{user: t.first, now: now, call: &Call{AppID: appID}}, a, reloadRequest{AppID: appID})
	x.kind = origin
	return x.id, nil
}

// somebodyReloads answers the control plane's wish for a reload by somebody else.
func (t *Tenant) somebodyReloads(w http.ResponseWriter, r *http.Request) {
	var body struct {
		AppID string `json:"appId"`
		Type  string `json:"type"`
	}
	err := readControl(r, &body)
	setDefault(&body.Type, "hub")
	var id string
	if err == nil {
		id, err = t.Reload(body.AppID, body.Type)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	reply(w, http.StatusCreated, map[string]string{"id": id})
}
