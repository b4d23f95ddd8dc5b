package sim

import (
	"net/http"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// cancelReload stops a queued reload at once (204) and asks a running one to
// stop (202). What one answers that can not be stopped differs: in the document
// an ended one is 204 and one that is being cancelled 409; the live service says
// 409 to ended ones, and 202 again.
func (t *Tenant) cancelReload(r *request) answer {
	x, refused := t.findReload(r, mayReload)
	if refused != nil {
		return *refused
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
		t.arm(r.now)
		return t.canceling()
	case status == qlik.ReloadCanceled, status.Ended() && document:
		return answer{status: http.StatusNoContent}
	case status == qlik.ReloadCanceling && !document:
		return t.canceling()
	}
	return t.fail(http.StatusConflict, "", "The reload is in a state that can not be cancelled: "+string(status)+".")
}

// canceling answers that a reload is being cancelled.
func (t *Tenant) canceling() answer {
	a := answer{status: http.StatusAccepted}
	if t.cfg.Dialect == qlik.Cloud {
		a.body = map[string]qlik.ReloadStatus{"status": qlik.ReloadCanceling}
	}
	return a
}
