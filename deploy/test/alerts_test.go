package deploy_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/prometheus/promql"
)

// calm is an hour of a gateway with two replicas to which nothing bad happens, as
// Prometheus has it every 30 s. It begins at zero, as the gateway's metrics do. ID is
// what tells the release from others.
const calm = `
	up{ID, pod="a"} 1x120
	up{ID, pod="b"} 1x120
	qlik_gateway_ready_ratio{ID, pod="a"} 1x120
	qlik_gateway_ready_ratio{ID, pod="b"} 1x120
	qlik_gateway_journal_used_ratio{ID, pod="a"} 0.5x120
	qlik_gateway_ingress_requests_total{ID, source="jobs", result="accepted"} 0+1x120
	qlik_gateway_ingress_requests_total{ID, source="jobs", result="unproven"} 0x120
	qlik_gateway_ingress_requests_total{ID, source="jobs", result="journal_full"} 0x120
	qlik_gateway_ingress_unjudged_total{ID, source="jobs", rule="sales"} 0x120
	qlik_gateway_ended_runs_total{ID, tenant="acme", rule="sales", result="succeeded"} 0+1x120
	qlik_gateway_ended_runs_total{ID, tenant="acme", rule="sales", result="failed"} 0x120
	qlik_gateway_breaker_open_ratio{ID, pod="a", tenant="acme"} 0x120
	qlik_gateway_tenant_held_ratio{ID, pod="a", tenant="acme"} 0x120
	qlik_gateway_leading_ratio{ID, pod="a", tenant="acme"} 1x120
	qlik_gateway_leading_ratio{ID, pod="b", tenant="acme"} 0x120
	qlik_gateway_dead_letters_total{ID, tenant="acme", reason="undecodable"} 0x120
	qlik_gateway_qlik_calls_total{ID, tenant="acme", action="reload", reason="rate_limited"} 0x120
	qlik_gateway_published_outcomes_total{ID, tenant="acme", type="budget.exhausted"} 0x120
	qlik_gateway_subscription_enabled_ratio{ID, pod="a", subscription="alerts"} 1x120
	qlik_gateway_subscription_missing_events_total{ID, subscription="alerts"} 0x120
	kubelet_volume_stats_available_bytes{namespace="data", persistentvolumeclaim="data-demo-qlik-gateway-0"} 50x120
	kubelet_volume_stats_capacity_bytes{namespace="data", persistentvolumeclaim="data-demo-qlik-gateway-0"} 100x120
`

// TestEveryAlertFiresForWhatItSaysAndNothingElse: Prometheus evaluates the rendered rules
// over the calm hour, and over one in which a single thing is wrong from its 30th minute.
func TestEveryAlertFiresForWhatItSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{ // each alert: the series that differ, until their hour ends
		"QlikGatewayDown": `up{ID, pod="a"} 1x60 0x60
			up{ID, pod="b"} 1x60 _x60`,
		"QlikGatewayCannotStore": `qlik_gateway_ready_ratio{ID, pod="a"} 1x60 0x60
			qlik_gateway_ready_ratio{ID, pod="b"} 1x60 0x60`,
		"QlikGatewayJournalFills":         `qlik_gateway_journal_used_ratio{ID, pod="a"} 0.5x60 0.95x60`,
		"QlikGatewayRunsFail":             `qlik_gateway_ended_runs_total{ID, tenant="acme", rule="sales", result="failed"} 0x60 1x60`,
		"QlikGatewayBreakerOpen":          `qlik_gateway_breaker_open_ratio{ID, pod="a", tenant="acme"} 0x60 1x60`,
		"QlikGatewayTenantHeld":           `qlik_gateway_tenant_held_ratio{ID, pod="a", tenant="acme"} 0x60 1x60`,
		"QlikGatewayNobodyWorks":          `qlik_gateway_leading_ratio{ID, pod="a", tenant="acme"} 1x60 0x60`,
		"QlikGatewayDeadLetters":          `qlik_gateway_dead_letters_total{ID, tenant="acme", reason="undecodable"} 0x60 1x60`,
		"QlikGatewayQuotaExhausted":       `qlik_gateway_published_outcomes_total{ID, tenant="acme", type="budget.exhausted"} 0x60 1x60`,
		"QlikGatewaySubscriptionDisabled": `qlik_gateway_subscription_enabled_ratio{ID, pod="a", subscription="alerts"} 1x60 0x60`,
		"QlikGatewayOutcomesMissed":       `qlik_gateway_subscription_missing_events_total{ID, subscription="alerts"} 0x60 1x60`,
		"QlikGatewaySendersUnproven":      `qlik_gateway_ingress_requests_total{ID, source="jobs", result="unproven"} 0x60 0+10x60`,
		"QlikGatewayRuleCannotJudge":      `qlik_gateway_ingress_unjudged_total{ID, source="jobs", rule="sales"} 0x60 1x60`,
		"QlikGatewayVolumeFills":          `kubelet_volume_stats_available_bytes{namespace="data", persistentvolumeclaim="data-demo-qlik-gateway-0"} 50x60 10x60`,
	}
	alerts := alertsOf(t)
	if names := slices.Sorted(maps.Keys(alerts)); !slices.Equal(names, slices.Sorted(maps.Keys(wrong))) {
		t.Fatalf("the chart has %v", names)
	}
	if fired := firing(t, alerts, ""); len(fired) > 0 {
		t.Errorf("in a calm hour: %v", fired)
	}
	for name, series := range wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if fired := firing(t, alerts, series); !slices.Equal(fired, []string{name}) {
				t.Errorf("fired: %v", fired)
			}
		})
	}
	if fired := firing(t, alerts, `qlik_gateway_ingress_requests_total{ID, source="jobs", result="journal_full"} 0x60 1x60`); !slices.Equal(fired, []string{"QlikGatewayCannotStore"}) {
		t.Errorf("one delivery that could not be stored: %v", fired)
	}
}

// alertsOf returns the chart's alerts by name.
func alertsOf(t *testing.T) map[string]monitoring.Rule {
	t.Helper()
	var rules monitoring.PrometheusRule
	decode(t, one(t, render(t, filepath.Join(chart, "ci", "clients-values.yaml")), "PrometheusRule", ""), &rules)
	alerts := map[string]monitoring.Rule{}
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			alerts[rule.Alert] = rule
		}
	}
	return alerts
}

// firing returns the alerts that fire at some time of an hour in which these series are
// as they say, and all others calm.
func firing(t *testing.T, alerts map[string]monitoring.Rule, series string) []string {
	t.Helper()
	hour := calm
	for line := range strings.Lines(series) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "} ")
		for old := range strings.Lines(calm) {
			if strings.HasPrefix(strings.TrimSpace(old), name+"} ") {
				hour = strings.Replace(hour, old, "\t"+strings.TrimSpace(line)+"\n", 1)
			}
		}
	}
	id := `namespace="data", job="demo-qlik-gateway-console"`
	hour = strings.ReplaceAll(hour, "ID", id)
	var fired []string
	for name, rule := range alerts {
		var held time.Duration
		if rule.For != nil {
			var err error
			if held, err = time.ParseDuration(string(*rule.For)); err != nil {
				t.Fatal(err)
			}
		}
		matrix := ask(t, hour, rule.Expr.StrVal, 20*time.Minute, time.Hour)
		if slices.ContainsFunc(matrix, func(s promql.Series) bool { return longest(s) > held }) {
			fired = append(fired, name)
		}
	}
	slices.Sort(fired)
	return fired
}

// longest returns for how long at a stretch a series was there.
func longest(s promql.Series) time.Duration {
	var most, since int64
	for i, point := range s.Floats {
		if i == 0 || point.T-s.Floats[i-1].T > scrape.Milliseconds() {
			since = point.T
		}
		most = max(most, point.T-since+1)
	}
	return time.Duration(most) * time.Millisecond
}
