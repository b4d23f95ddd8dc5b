package bridge_test

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

func TestLostAnswersNeverStartASecondReload(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sim.Fault{
		"answer lost":       {Operation: "reloadApp", Drop: sim.DropAfter, Count: 1},
		"request lost":      {Operation: "reloadApp", Drop: sim.DropBefore, Count: 1},
		"503":               {Operation: "reloadApp", Status: 503, Count: 2},
		"rate limit":        {Operation: "reloadApp", Status: 429, Code: "HTTP-429", Count: 1, RetryAfter: sim.Duration(time.Second)},
		"polls fail":        {Operation: "getReload", Status: 500, Count: 2},
		"token rejected":    {Operation: "reloadApp", Status: 401, Count: 1},
		"somebody's reload": {Operation: "reloadApp", Status: 429, Code: "RELOADS-007", Count: 1},
	} {
		for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
			t.Run(name+" "+string(dialect), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, sim.Config{Dialect: dialect}, reloadSales)
				r.limits.Probe, r.limits.Pending = 100*time.Millisecond, 300*time.Millisecond
				r.must(r.tenant.Inject(fault))
				r.dispatch()
				r.send(`{}`)
				r.until("run.succeeded")
				if n := r.called("reloadApp", 201); n != 1 {
					t.Errorf("%d reloads started, want 1", n)
				}
			})
		}
	}
}

// TestLostCopyIsSoughtAmongThoseMadeSince: the look counts as one read in the quota, and
// a rule may have made a copy of the same name every night.
func TestLostCopyIsSoughtAmongThoseMadeSince(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{Dialect: qlik.Cloud}, `[{"name": "c", "on": "etl", "app": "$Sales", "do": [{"copy": {"name": "Twin"}}]}]`)
	for range 20 {
		_, err := r.client.CopyApp(t.Context(), r.tenant.App("Sales"), qlik.AppCopy{Name: "Twin"})
		r.must(err)
	}
	r.tenant.Advance(time.Hour)
	r.limits.Names = 0
	r.must(r.tenant.Inject(sim.Fault{Operation: "copyApp", Drop: sim.DropBefore, Count: 1}))
	r.dispatch()
	r.send(`{}`)
	r.until("run.held")
	if n := r.called("getApp", 200); n > 0 {
		t.Errorf("%d apps were looked at, of which none was made since the call", n)
	}
}

func TestLostAnswerOfPublishIsFoundAgain(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: dialect}, `[{"name": "p", "on": "etl", "app": "$Sales", "do": [{"publish": {"space": "$Company"}}]}]`)
			r.must(r.tenant.Inject(sim.Fault{Operation: "publishApp", Drop: sim.DropAfter, Count: 1}))
			r.dispatch()
			r.send(`{}`)
			r.until("run.succeeded")
			if n := r.called("publishApp", 200); n != 1 {
				t.Errorf("published %d times, want 1", n)
			}
		})
	}
}

func TestLostAnswerOfCopyIsFoundOrHeld(t *testing.T) {
	t.Parallel()
	for dialect, end := range map[qlik.Dialect]string{qlik.Cloud: "run.succeeded", qlik.OpenAPI: "run.held"} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: dialect}, `[{"name": "c", "on": "etl", "app": "$Sales", "do": [{"copy": {"name": "Twin"}}]}]`)
			r.must(r.tenant.Inject(sim.Fault{Operation: "copyApp", Drop: sim.DropAfter, Count: 1}))
			r.dispatch()
			r.send(`{}`)
			r.until(end)
			if n := r.called("copyApp", 200); n != 1 {
				t.Errorf("copied %d times, want 1", n)
			}
		})
	}
}
