package bridge_test

import (
	"slices"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestNoStepIsCalledBeforeQliksClockIsKnown: what a lost call made is found by the
// time at which it was made, on Qlik's clock.
func TestNoStepIsCalledBeforeQliksClockIsKnown(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: dialect}, reloadSales)
			r.send(`{}`)
			r.dispatch()
			r.until("run.succeeded")
			calls := r.tenant.Calls()
			first := slices.IndexFunc(calls, func(c sim.Call) bool { return c.OperationID == "reloadApp" })
			answered := slices.ContainsFunc(calls[:first], func(c sim.Call) bool { return c.Status == 200 })
			if !answered {
				t.Errorf("the tenant's first answer is to reloadApp: %v", calls)
			}
		})
	}
}
