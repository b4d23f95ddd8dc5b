package bridge_test

import (
	"testing"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestFailureToLearnWhoWeAreIsNoLostCall: before the first call of a step Qlik is asked
// who we are. That it does not say makes nobody wonder whether the step was carried out,
// and is no attempt at it.
func TestFailureToLearnWhoWeAreIsNoLostCall(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sim.Fault{
		"an error":  {Operation: "getMe", Status: 503, Count: 3},
		"no answer": {Operation: "getMe", Drop: sim.DropAfter, Count: 3},
		"a refusal": {Operation: "getMe", Status: 400, Count: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: qlik.Cloud}, `[{"name": "c", "on": "etl", "app": "$Sales", "retry": {"attempts": 1}, "do": [{"copy": {"name": "Twin"}}]}]`)
			r.must(r.tenant.Inject(fault))
			r.send(`{}`)
			r.dispatch()
			r.until("run.succeeded")
			r.wantTypes("copy.succeeded", "run.succeeded")
			if n := r.called("copyApp", 200); n != 1 {
				t.Errorf("copied %d times, want 1", n)
			}
		})
	}
}
