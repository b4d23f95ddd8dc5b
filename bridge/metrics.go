package bridge

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// Metrics count what dispatchers do. Labels come from the configuration and from
// closed lists only.
type Metrics struct {
	events   *prometheus.CounterVec
	dead     *prometheus.CounterVec
	runs     *prometheus.CounterVec
	waits    *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	outcomes *prometheus.CounterVec
	open     *prometheus.GaugeVec
}

// NewMetrics returns the bridge's metrics, registered.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "qlik_gateway_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qlik_gateway_" + name, Help: help, NativeHistogramBucketFactor: 1.1, Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}, labels)
	}
	m := &Metrics{
		events:   counter("admitted_events_total", "Events admitted to runs, by whether they opened or joined one.", "tenant", "rule", "result"),
		dead:     counter("dead_letters_total", "Events that became dead letters, by why.", "tenant", "reason"),
		runs:     counter("ended_runs_total", "Runs that ended, by how.", "tenant", "rule", "result"),
		waits:    histogram("run_duration_seconds", "Time from the first cause of a run to its end.", "tenant", "rule"),
		calls:    counter("qlik_calls_total", "Commands sent to Qlik, by kind and verdict.", "tenant", "action", "result", "reason"),
		seconds:  histogram("qlik_call_duration_seconds", "Time that commands to Qlik took.", "tenant", "action"),
		outcomes: counter("published_outcomes_total", "Outcomes published, by type.", "tenant", "type"),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "qlik_gateway_breaker_open_ratio", Help: "1 while the tenant's circuit breaker is open.",
		}, []string{"tenant"}),
	}
	for _, collector := range []prometheus.Collector{m.events, m.dead, m.runs, m.waits, m.calls, m.seconds, m.outcomes, m.open} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) admitted(tenant, rule string, opened bool) {
	result := "joined"
	if opened {
		result = "opened"
	}
	m.events.WithLabelValues(tenant, rule, result).Inc()
}

func (m *Metrics) buried(tenant string, reason events.Reason) {
	m.dead.WithLabelValues(tenant, string(reason)).Inc()
}

func (m *Metrics) ended(run *Run) {
	m.runs.WithLabelValues(run.Tenant, run.Rule, string(run.State)).Inc()
	m.waits.WithLabelValues(run.Tenant, run.Rule).Observe(run.Ended.Sub(run.Opened).Seconds())
}

func (m *Metrics) called(tenant string, report Report, now time.Time) {
	action := calledAs(report.Command)
	m.calls.WithLabelValues(tenant, action, string(report.Verdict.Kind), string(report.Verdict.Reason)).Inc()
	m.seconds.WithLabelValues(tenant, action).Observe(now.Sub(report.Began).Seconds())
}

func (m *Metrics) told(tenant, kind string) {
	m.outcomes.WithLabelValues(tenant, strings.TrimPrefix(kind, events.TypePrefix)).Inc()
}

func (m *Metrics) breaker(tenant string, state qlik.State) {
	open := 0.0
	if state != qlik.StateClosed {
		open = 1
	}
	m.open.WithLabelValues(tenant).Set(open)
}
