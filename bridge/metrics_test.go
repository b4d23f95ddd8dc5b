package bridge

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// TestTypesOfRunsWithoutARuleAreOneLabel: who asks for a run without a rule chooses what
// it emits, and no sender may make as many series as it likes.
func TestTypesOfRunsWithoutARuleAreOneLabel(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		kind := fmt.Sprint("com.example.t", i)
		metrics.told(events.Outcome{Head: events.Head{Tenant: "acme", Rule: rules.DirectRule, Type: kind}})
		metrics.told(events.Outcome{Head: events.Head{Tenant: "acme", Rule: "refresh", Type: "com.example.stale"}})
		metrics.told(events.Outcome{Head: events.Head{Tenant: "acme", Rule: rules.DirectRule, Type: events.TypeRunSucceeded}})
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(families[0].GetMetric()); len(families) != 1 || n != 3 {
		t.Errorf("%d series, want those of custom, com.example.stale and run.succeeded", n)
	}
}
