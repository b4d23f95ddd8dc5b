package sim

import (
	"net/http"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// cancelReload stops a queued reload at once (204) and asks a running one to
// stop (202). What an ended one answers differs: the document says 204, and 409
// for one that is being cancelled; the live service says 409.
func (t *Tenant) cancelReload(r *request) answer {
	x, missing := t.findReload(r)
	if x == nil {
		return missing
	}
	status := x.status(r.now)
	document := t.cfg.Dialect == qlik.OpenAPI
	switch {
	case status == qlik.ReloadQueued:
		x.cancelAt, x.canceled = r.now, r.now
		t.settle(r.now)
		return answer{status: http.StatusNoContent}
	case status == qlik.ReloadReloading:
		x.cancelAt, x.canceled = r.now, r.now.Add(max(t.cfg.ReloadTime/10, time.Millisecond))
		return t.accepted()
	case status == qlik.ReloadCanceled, status.Ended() && document:
		return answer{status: http.StatusNoContent}
	case status == qlik.ReloadCanceling && !document:
		return t.accepted()
	}
	return t.fail(http.StatusConflict, "", "The reload is in a state that can not be cancelled: "+string(status)+".")
}

// accepted answers that a reload is being cancelled.
func (t *Tenant) accepted() answer {
	a := answer{status: http.StatusAccepted}
	if t.cfg.Dialect == qlik.Cloud {
		a.body = map[string]qlik.ReloadStatus{"status": qlik.ReloadCanceling}
	}
	return a
}
