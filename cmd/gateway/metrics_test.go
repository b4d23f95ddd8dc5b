package main

import (
	"strings"
	"testing"
)

func TestMetricsTellWhoWorksAndBeginAtZero(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: each, on: jobs, do: [{reload: {app: "${data.app}"}}]}
`)
	s.eventually("a dispatcher at work", func() bool {
		return strings.Contains(s.page("/metrics"), `qlik_gateway_leading_ratio{tenant="acme"} 1`)
	})
	metrics := s.page("/metrics")
	for _, line := range []string{
		`qlik_gateway_breaker_open_ratio{tenant="acme"} 0`, `qlik_gateway_tenant_held_ratio{tenant="acme"} 0`,
		`qlik_gateway_dead_letters_total{reason="undecodable",tenant="acme"} 0`, `qlik_gateway_published_outcomes_total{tenant="acme",type="budget.exhausted"} 0`,
		`qlik_gateway_ready_ratio 1`, "\nqlik_gateway_journal_used_ratio 0\n", `qlik_gateway_ended_runs_total{result="failed",rule="each",tenant="acme"} 0`, `qlik_gateway_ingress_unjudged_total{rule="each",source="jobs"} 0`,
		`qlik_gateway_qlik_calls_total{action="reload",reason="rate_limited",result="again",tenant="acme"} 0`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
	s.want(exitDone, "local", "breaker", "open", "--reason", "look")
	s.eventually("the breaker that is held open", func() bool {
		return strings.Contains(s.page("/metrics"), `qlik_gateway_breaker_open_ratio{tenant="acme"} 1`)
	})
}
