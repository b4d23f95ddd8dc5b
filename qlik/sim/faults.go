package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// What Fault.Drop may be.
const (
	DropBefore = "before" // the connection is cut before the work was done
	DropAfter  = "after"  // ... after it was done
)

// AnyOperation is the Fault.Operation that means every one.
const AnyOperation = "*"

// A Fault makes calls go wrong: the next Count calls of an operation, or those
// within For, or all until the faults are cleared. Of several faults that fit a
// call, the oldest strikes.
type Fault struct {
	Operation string `json:"operation"`       // an operationId, or "*"
	AppID     string `json:"appId,omitempty"` // only calls about this app

	Count int      `json:"count,omitempty"` // how many calls; 0 = no limit
	For   Duration `json:"for,omitzero"`    // for how long; 0 = no limit

	Status     int      `json:"status,omitempty"`      // answer this instead of doing the work
	Code       string   `json:"code,omitempty"`        // the code in that answer
	RetryAfter Duration `json:"retry_after,omitzero"`  // the Retry-After of that answer
	Delay      Duration `json:"delay,omitzero"`        // wait so long between the work and the answer
	Drop       string   `json:"drop,omitempty"`        // DropBefore or DropAfter: no answer at all
	FailReload string   `json:"fail_reload,omitempty"` // let the reload that is started fail with this errorCode
}

// A Duration is written as "1m30s".
type Duration time.Duration

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads the duration from text.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf(`read duration: expected a text such as "1m30s": %w`, err)
	}
	parsed, err := time.ParseDuration(s)
	if err == nil && parsed < 0 {
		err = fmt.Errorf("%q is negative", s)
	}
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// fault is a Fault that was injected.
type fault struct {
	Fault
	until time.Time // zero: no end
	left  int       // calls still to strike; negative: no limit
}

// Inject adds a fault. It returns an error when the fault could never strike.
func (t *Tenant) Inject(f Fault) error {
	if f.Operation == "" && f.FailReload != "" {
		f.Operation = "reloadApp"
	}
	if f.Operation != AnyOperation && !slices.Contains(t.operationIDs(), f.Operation) {
		return fmt.Errorf("inject fault: operation %q: expected an operationId or %q", f.Operation, AnyOperation)
	}
	if f.Drop != "" && f.Drop != DropBefore && f.Drop != DropAfter {
		return fmt.Errorf("inject fault: drop %q: expected %q or %q", f.Drop, DropBefore, DropAfter)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("inject fault: status %d: expected 400 to 599", f.Status)
	}
	if f.Count < 0 {
		return fmt.Errorf("inject fault: count %d: expected none or a number from 1", f.Count)
	}
	if f.Status == 0 && f.Drop == "" && f.Delay == 0 && f.FailReload == "" {
		return fmt.Errorf("inject fault: expected at least one of status, delay, drop and fail_reload")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	added := &fault{Fault: f, left: f.Count}
	if f.Count == 0 {
		added.left = -1
	}
	if f.For > 0 {
		added.until = t.now().Add(time.Duration(f.For))
	}
	t.faults = append(t.faults, added)
	return nil
}

// ClearFaults removes all faults.
func (t *Tenant) ClearFaults() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = nil
}

// strike finds the fault that hits a call, and uses it up. One that only lets
// reloads fail waits until a reload is really started.
func (t *Tenant) strike(r *request) Fault {
	for _, f := range t.faults {
		if f.onlyReload() || !f.hits(r) {
			continue
		}
		f.left--
		return f.Fault
	}
	return Fault{}
}

// failure gives the errorCode with which the reload now started is to fail.
func (t *Tenant) failure(r *request) string {
	if r.hit.FailReload != "" {
		return r.hit.FailReload
	}
	for _, f := range t.faults {
		if f.onlyReload() && f.hits(r) {
			f.left--
			return f.FailReload
		}
	}
	return ""
}

// onlyReload says that the fault does nothing but let reloads fail.
func (f *fault) onlyReload() bool {
	return f.FailReload != "" && f.Status == 0 && f.Drop == "" && f.Delay == 0
}

// hits says that a fault is meant for a call and not used up.
func (f *fault) hits(r *request) bool {
	return f.left != 0 && (f.until.IsZero() || r.now.Before(f.until)) &&
		(f.Operation == AnyOperation || f.Operation == r.op.ID) &&
		(f.AppID == "" || f.AppID == r.call.AppID)
}

// answer is the answer that a fault gives in the place of the work.
func (f Fault) answer(t *Tenant) answer {
	a := t.fail(f.Status, f.Code, "Injected by a fault.")
	if f.RetryAfter > 0 {
		seconds := int(time.Duration(f.RetryAfter+Duration(time.Second-1)) / time.Second)
		a.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	}
	return a
}

// wait holds the answer back, but not longer than the caller waits.
func (f Fault) wait(ctx context.Context) {
	if f.Delay <= 0 {
		return
	}
	timer := time.NewTimer(time.Duration(f.Delay))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
