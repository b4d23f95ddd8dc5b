package ingress

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// noSource labels what was not sent to a configured source; no source can have
// this name.
const noSource = "-"

// metrics count deliveries. Labels are configured names and closed lists.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	matches  *prometheus.CounterVec
	missing  *prometheus.CounterVec
	newest   *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qlik_gateway_ingress_requests_total",
			Help: "Deliveries by source and how they were answered.",
		}, []string{"source", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "qlik_gateway_ingress_seconds",
			Help:                        "Time from the first byte of a delivery to its answer.",
			NativeHistogramBucketFactor: 1.1,
			Buckets:                     []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"source"}),
		newest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "qlik_gateway_ingress_last_delivery_timestamp_seconds",
			Help: "When the newest delivery of a source was answered, in Unix time; none before the first since the start.",
		}, []string{"source"}),
		matches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qlik_gateway_ingress_matches_total",
			Help: "Stored events by source and the rule that they matched.",
		}, []string{"source", "rule"}),
		missing: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qlik_gateway_ingress_unjudged_total",
			Help: "Events by source and the rule that could not judge them, such as for a missing key.",
		}, []string{"source", "rule"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.matches, m.missing, m.newest} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// begin shows what no rule could judge as it is before there was anything: what first
// shows as 1 has not increased to an alert.
func (m *metrics) begin(set *rules.Set) {
	for _, judge := range set.Listeners() {
		m.missing.WithLabelValues(judge.Source, judge.Rule).Add(0)
	}
}

// done counts one delivery.
func (m *metrics) done(source string, result Result, took time.Duration) {
	m.requests.WithLabelValues(source, string(result)).Inc()
	m.seconds.WithLabelValues(source).Observe(took.Seconds())
	m.newest.WithLabelValues(source).SetToCurrentTime()
}
