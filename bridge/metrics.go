package bridge

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
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
	held     *prometheus.GaugeVec
	leading  *prometheus.GaugeVec
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
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "qlik_gateway_" + name, Help: help}, labels)
	}
	m := &Metrics{
		events:   counter("admitted_events_total", "Events admitted to runs, by whether they opened or joined one.", "tenant", "rule", "result"),
		dead:     counter("dead_letters_total", "Events that became dead letters, by why.", "tenant", "reason"),
		runs:     counter("ended_runs_total", "Runs that ended, by how.", "tenant", "rule", "result"),
		waits:    histogram("run_duration_seconds", "Time from the first cause of a run to its end.", "tenant", "rule"),
		calls:    counter("qlik_calls_total", "Commands sent to Qlik, by kind and verdict.", "tenant", "action", "result", "reason"),
		seconds:  histogram("qlik_call_duration_seconds", "Time that commands to Qlik took.", "tenant", "action"),
		outcomes: counter("published_outcomes_total", "Outcomes published, by type.", "tenant", "type"),
		open:     gauge("breaker_open_ratio", "1 while the tenant's circuit breaker is open.", "tenant"),
		held:     gauge("tenant_held_ratio", "1 while Qlik refuses the gateway's credentials at the tenant.", "tenant"),
		leading:  gauge("leading_ratio", "1 while this replica works for the tenant, 0 while it waits to.", "tenant"),
	}
	for _, collector := range []prometheus.Collector{m.events, m.dead, m.runs, m.waits, m.calls, m.seconds, m.outcomes, m.open, m.held, m.leading} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// begin shows a tenant's metrics as they are before anything happened: what first shows
// as 1 has not increased to an alert.
func (m *Metrics) begin(tenant string) {
	m.stands(tenant, false, BreakerStatus{})
	m.expect(tenant, rules.DirectRule)
	for _, reason := range events.Reasons() {
		m.dead.WithLabelValues(tenant, string(reason)).Add(0)
	}
	reload := calledAs(Command{Kind: KindCall, Step: rules.Step{Action: rules.Reload}})
	m.calls.WithLabelValues(tenant, reload, string(VerdictAgain), string(events.ReasonRateLimited)).Add(0)
	m.calls.WithLabelValues(tenant, reload, string(VerdictWaitLong), string(events.ReasonFrequencyQuota)).Add(0)
	for _, kind := range events.Catalog() {
		m.outcomes.WithLabelValues(tenant, strings.TrimPrefix(kind.Type, events.TypePrefix)).Add(0)
	}
}

// Expect shows the ends of runs of every rule as they are before there was one: a run
// may fail before its beginning was ever looked at.
func (m *Metrics) Expect(set *rules.Set) {
	for _, rule := range set.Listeners() {
		m.expect(rule.Tenant, rule.Rule)
	}
}

func (m *Metrics) expect(tenant, rule string) {
	for _, state := range []RunState{RunSucceeded, RunFailed, RunCanceled, RunExpired} {
		m.runs.WithLabelValues(tenant, rule, string(state)).Add(0)
	}
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

// told counts an outcome. What a run without a rule emits is of a type that its sender
// chose, which is no label.
func (m *Metrics) told(outcome events.Outcome) {
	kind, own := strings.CutPrefix(outcome.Type, events.TypePrefix)
	if !own && outcome.Rule == rules.DirectRule {
		kind = "custom"
	}
	m.outcomes.WithLabelValues(outcome.Tenant, kind).Inc()
}

// stands tells how a tenant stands, seen from this replica.
func (m *Metrics) stands(tenant string, leading bool, breaker BreakerStatus) {
	ratio := func(is bool) float64 {
		if is {
			return 1
		}
		return 0
	}
	m.leading.WithLabelValues(tenant).Set(ratio(leading))
	m.open.WithLabelValues(tenant).Set(ratio(breaker.State == breakerOpen))
	m.held.WithLabelValues(tenant).Set(ratio(breaker.State == breakerHeld))
}
