package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// maxCalls is how many calls a tenant remembers; of one more, the oldest tenth is forgotten.
const maxCalls = 250_000

// A Call is one call as the tenant saw it.
type Call struct {
	Time        time.Time `json:"time"` // on the tenant's clock, when the call came
	OperationID string    `json:"operationId"`
	AppID       string    `json:"appId,omitempty"`
	ReloadID    string    `json:"reloadId,omitempty"` // also of the reload that the call started
	Path        string    `json:"path,omitempty"`     // of a call that is no operation
	Status      int       `json:"status"`             // of the answer, even if it was lost on its way; 0: cut off before the work
}

// note writes a call down.
func (t *Tenant) note(c Call) {
	if len(t.calls) >= maxCalls {
		t.calls = slices.Delete(t.calls, 0, maxCalls/10)
		t.dropped += maxCalls / 10
	}
	t.calls = append(t.calls, c)
}

// Calls gives every call so far, the oldest first; of more than 250,000 at least the
// last 225,000.
func (t *Tenant) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// A State is everything a tenant has, as it is now.
type State struct {
	Now     time.Time      `json:"now"`
	Dialect string         `json:"dialect"`
	Users   []UserState    `json:"users"`
	Apps    []AppState     `json:"apps"`
	Spaces  []SpaceState   `json:"spaces"`
	Reloads []ReloadState  `json:"reloads"`
	Faults  []Fault        `json:"faults"`
	Calls   map[string]int `json:"calls"`   // how many of the remembered calls were of each operation
	Dropped int            `json:"dropped"` // calls that are no longer remembered
}

// A UserState is one user of a tenant.
type UserState struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
}

// An AppState is one app of a tenant.
type AppState struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	SpaceID        string    `json:"spaceId,omitempty"`
	OwnerID        string    `json:"ownerId"`
	OriginAppID    string    `json:"originAppId,omitempty"`
	Published      bool      `json:"published"`
	LastReloadTime time.Time `json:"lastReloadTime,omitzero"`
}

// A SpaceState is one space of a tenant.
type SpaceState struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	OwnerID string `json:"ownerId"`
}

// A ReloadState is one reload of a tenant.
type ReloadState struct {
	ID           string            `json:"id"`
	AppID        string            `json:"appId"`
	Status       string            `json:"status"`
	ErrorCode    string            `json:"errorCode,omitempty"`
	Partial      bool              `json:"partial,omitempty"`
	Variables    map[string]string `json:"variables,omitempty"`
	CreationTime time.Time         `json:"creationTime"`
	StartTime    time.Time         `json:"startTime,omitzero"`
	EndTime      time.Time         `json:"endTime,omitzero"`
}

// State tells everything the tenant has.
func (t *Tenant) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.settle(now)
	s := State{
		Now: now, Dialect: string(t.cfg.Dialect), Calls: map[string]int{}, Dropped: t.dropped,
		Apps: []AppState{}, Spaces: []SpaceState{}, Reloads: []ReloadState{}, Faults: []Fault{},
	}
	for _, id := range slices.Sorted(maps.Keys(t.users)) {
		s.Users = append(s.Users, UserState{id, t.users[id].name, t.users[id].roles})
	}
	for _, a := range t.apps.all() {
		s.Apps = append(s.Apps, AppState{a.id, a.name, a.spaceID, a.ownerID, a.originAppID, a.published(), a.lastReload})
	}
	for _, sp := range t.spaces.all() {
		s.Spaces = append(s.Spaces, SpaceState{sp.id, sp.name, sp.kind, sp.ownerID})
	}
	for _, r := range t.reloads.all() {
		s.Reloads = append(s.Reloads, r.state(now))
	}
	for _, f := range t.faults {
		if f.left != 0 && (f.until.IsZero() || now.Before(f.until)) {
			s.Faults = append(s.Faults, f.Fault)
		}
	}
	for _, c := range t.calls {
		s.Calls[c.OperationID]++
	}
	return s
}

// controls binds the control plane's paths.
func (t *Tenant) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/calls", func(w http.ResponseWriter, _ *http.Request) {
		calls := t.Calls()
		if calls == nil {
			calls = []Call{}
		}
		reply(w, http.StatusOK, calls)
	})
	mux.HandleFunc("GET /_sim/state", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, t.State())
	})
	mux.HandleFunc("POST /_sim/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		err := readControl(r, &f)
		if err == nil {
			err = t.Inject(f)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		reply(w, http.StatusCreated, f)
	})
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		t.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sim/reloads", t.somebodyReloads)
	mux.HandleFunc("POST /_sim/advance", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			By Duration `json:"by"`
		}
		if err := readControl(r, &body); err != nil {
			refuse(w, err)
			return
		}
		t.Advance(time.Duration(body.By))
		reply(w, http.StatusOK, map[string]time.Time{"now": t.Now()})
	})
	return mux
}

// readControl reads the body of a control request, strictly.
func readControl(r *http.Request, into any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

// refuse answers a control request that makes no sense.
func refuse(w http.ResponseWriter, err error) {
	reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

// reply answers a control request.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the caller is gone: nothing is left to tell them
}
