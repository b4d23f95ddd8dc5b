package events

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// SubscriptionMetrics count deliveries over HTTP. Labels come from the configuration
// and from the list of reasons only.
type SubscriptionMetrics struct {
	deliveries *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	missing    *prometheus.CounterVec
	queued     *prometheus.GaugeVec
	on         *prometheus.GaugeVec
	open       *prometheus.GaugeVec
}

// NewSubscriptionMetrics returns the metrics, registered.
func NewSubscriptionMetrics(registry prometheus.Registerer) (*SubscriptionMetrics, error) {
	const prefix = "qlik_gateway_subscription_"
	by := []string{"subscription"}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, by)
	}
	m := &SubscriptionMetrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "deliveries_total", Help: "Tries to deliver an outcome, by how they ended; reason is empty for those that were delivered.",
		}, []string{"subscription", "result", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "delivery_duration_seconds", Help: "Time that tries to deliver took.",
			NativeHistogramBucketFactor: 1.1, Buckets: prometheus.ExponentialBuckets(0.005, 4, 8),
		}, by),
		missing: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "missing_events_total", Help: "Outcomes that were kept no longer before they could be delivered, at most.",
		}, by),
		queued: gauge("waiting_events", "Outcomes that were read and are not delivered yet."),
		on:     gauge("enabled_ratio", "1 while outcomes are delivered, 0 once the subscription was disabled."),
		open:   gauge("breaker_open_ratio", "1 while the subscriber's circuit breaker is open."),
	}
	for _, collector := range []prometheus.Collector{m.deliveries, m.seconds, m.missing, m.queued, m.on, m.open} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *SubscriptionMetrics) tried(name string, reason Reason, took time.Duration) {
	result := "delivered"
	if reason != "" {
		result = "failed"
	}
	m.deliveries.WithLabelValues(name, result, string(reason)).Inc()
	m.seconds.WithLabelValues(name).Observe(took.Seconds())
}

func (m *SubscriptionMetrics) missed(name string, n uint64) {
	m.missing.WithLabelValues(name).Add(float64(n))
}

func (m *SubscriptionMetrics) waiting(name string, n int) {
	m.queued.WithLabelValues(name).Set(float64(n))
}

// away takes back what only the replica that delivers knows.
func (m *SubscriptionMetrics) away(name string) {
	for _, gauge := range []*prometheus.GaugeVec{m.queued, m.on, m.open} {
		gauge.DeleteLabelValues(name)
	}
}

func (m *SubscriptionMetrics) enabled(name string, on bool) {
	m.missing.WithLabelValues(name).Add(0) // what first shows as 1 has not increased to an alert
	m.on.WithLabelValues(name).Set(ratio(on))
}

func (m *SubscriptionMetrics) breaker(name string, open bool) {
	m.open.WithLabelValues(name).Set(ratio(open))
}

func ratio(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
