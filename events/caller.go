package events

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// How callbacks are made.
const (
	callbacksConsumer = "callbacks" // durable, shared by replicas
	callbacksAtOnce   = 32
	callbackTimeout   = 10 * time.Second
	callbackAck       = 30 * time.Second // a callback whose caller vanished is made again after this
	callbackDrain     = 5 * time.Second  // how long those under way may take to end at a stop
	callbackKept      = 24 * time.Hour
	callbackSoon      = time.Second // waits grow with the callback's age, from one to the other
	callbackLate      = 5 * time.Minute
	hostRests         = 30 * time.Second // one that did not answer is left alone for so long
)

// CallerConfig is what a Caller works with.
type CallerConfig struct {
	JetStream jetstream.JetStream
	Stream    string                        // of callbacks; see broker.Names
	Callbacks func(source string) Callbacks // as configured now
	Metrics   *CallbackMetrics
	Log       zerolog.Logger
	TLS       *tls.Config   // nil = Go's defaults and the system's certificates
	Resolver  *net.Resolver // nil = the system's
}

// A Caller calls back those who wait for the end of a run. What it has to call is on
// a stream, from which an address goes when it answered, when it refused with a
// status of 4xx, or after a day. Replicas share the work.
type Caller struct {
	cfg     CallerConfig
	calling sync.WaitGroup
	mu      sync.Mutex
	resting map[string]time.Time // hosts that did not answer, until then
}

// NewCaller returns a caller that Run starts.
func NewCaller(cfg CallerConfig) *Caller { return &Caller{cfg: cfg, resting: map[string]time.Time{}} }

// Run calls back until ctx ends; then it waits for calls under way, which end in
// bounded time, and returns nil.
func (c *Caller) Run(ctx context.Context) error {
	defer c.calling.Wait()
	for wait := shortestWait; ctx.Err() == nil; wait = min(2*wait, longestWait) {
		began := time.Now()
		err := c.serve(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > longestWait {
			wait = shortestWait
		}
		c.cfg.Log.Warn().Err(err).Str("hop", "callback").Dur("again_in", wait).Msg("callbacks begin again")
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// serve takes callbacks from the stream until something goes wrong.
func (c *Caller) serve(ctx context.Context) error {
	making, cancel := context.WithTimeout(ctx, readerWithin)
	consumer, err := c.cfg.JetStream.CreateOrUpdateConsumer(making, c.cfg.Stream, jetstream.ConsumerConfig{
		Durable: callbacksConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: callbackAck, MaxAckPending: 10_000,
	})
	cancel()
	if err != nil {
		return classify("make consumer of "+c.cfg.Stream, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(callbacksAtOnce), jetstream.PullHeartbeat(readerHeartbeat))
	if err != nil {
		return classify("read "+c.cfg.Stream, err)
	}
	defer messages.Stop()
	calling, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, func() { time.AfterFunc(callbackDrain, hangUp) })()
	slots := make(chan struct{}, callbacksAtOnce)
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return classify("read "+c.cfg.Stream, err)
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.calling.Go(func() {
			defer func() { <-slots }()
			c.handle(calling, msg)
		})
	}
}

// handle makes one callback and says what becomes of its message. A lost
// acknowledgement means another call; the event's id is the same.
func (c *Caller) handle(ctx context.Context, msg jetstream.Msg) {
	source := msg.Headers().Get(HeaderSource)
	meta, err := msg.Metadata()
	if err != nil {
		return
	}
	age := time.Since(meta.Timestamp)
	again := min(max(age, callbackSoon), callbackLate)
	again = again/jitter + rand.N(again/jitter)
	began := time.Now()
	a, host := c.call(ctx, source, msg)
	rested := errors.Is(a.err, errResting)
	switch {
	case a.reason == "":
		err = msg.Ack()
	case refusedForGood(a), age > callbackKept:
		again, err = 0, msg.Term()
	default:
		again = max(again, min(a.retryAfter, callbackKept))
		err = msg.NakWithDelay(again)
	}
	if rested {
		return
	}
	c.cfg.Metrics.called(source, a.reason, time.Since(began))
	line := c.cfg.Log.Info()
	if a.reason != "" {
		line = c.cfg.Log.Warn().AnErr("error", a.err).Str("reason", string(a.reason)).Dur("again_in", again)
	}
	line.AnErr("unacknowledged", err).Str("hop", "callback").Str("source", source).Str("host", host).
		Uint64("attempt", meta.NumDelivered).Int("status", a.status).Bool("given_up", a.reason != "" && again == 0).Msg("callback")
}

// errResting marks a callback that was not made: its host did not answer others.
var errResting = errors.New("the host did not answer a moment ago")

// call makes one callback, by the source's configuration as it is now.
func (c *Caller) call(ctx context.Context, source string, msg jetstream.Msg) (answer, string) {
	address, err := decodeHeader(msg.Headers().Get(headerCallback))
	if err != nil {
		return answer{reason: ReasonUndecodable, err: err}, ""
	}
	event, body, err := ReadOutcome(msg.Headers(), msg.Data())
	if err != nil {
		return answer{reason: ReasonUndecodable, err: err}, ""
	}
	how := c.cfg.Callbacks(source)
	if err := how.check(address); err != nil {
		return answer{reason: ReasonForbiddenAddress, err: err}, ""
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return answer{reason: ReasonForbiddenAddress, err: fmt.Errorf("read address: %w", err)}, ""
	}
	if wait := c.rests(parsed.Host); wait > 0 {
		return answer{reason: ReasonTransport, err: errResting, retryAfter: wait}, parsed.Host
	}
	to := Subscription{
		Name: source, URL: address, Secrets: how.Secrets, Mode: how.Mode, Allow: how.Allow, Timeout: callbackTimeout, Concurrency: 1,
	}
	courier, err := newCourier(to.withDefaults(), c.cfg.TLS, c.cfg.Resolver)
	if err != nil {
		return answer{reason: ReasonForbiddenAddress, err: err}, parsed.Host
	}
	defer courier.close()
	a := courier.deliver(ctx, event, body)
	c.rest(parsed.Host, a)
	return a, parsed.Host
}

// rests returns for how long a host is left alone.
func (c *Caller) rests(host string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.resting[host])
}

// rest leaves a host alone for a while that did not answer, so that many who wait
// for it do not hold up the others.
func (c *Caller) rest(host string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.resting, func(rested string, until time.Time) bool { return rested == host || time.Until(until) <= 0 })
	if a.reason != "" && a.status == 0 {
		c.resting[host] = time.Now().Add(hostRests)
	}
}

// refusedForGood reports whether the answer is the last word: the address has been
// called before, waits no longer, or was never there.
func refusedForGood(a answer) bool {
	soon := []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	return a.reason == ReasonUndecodable || a.status >= 400 && a.status < 500 && !slices.Contains(soon, a.status)
}

// CallbackMetrics count callbacks. Labels come from the configuration and from the
// list of reasons only.
type CallbackMetrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// NewCallbackMetrics returns the metrics, registered.
func NewCallbackMetrics(registry prometheus.Registerer) (*CallbackMetrics, error) {
	m := &CallbackMetrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qlik_gateway_callbacks_total", Help: "Calls to those who wait for the end of a run; reason is empty for those that were answered 2xx.",
		}, []string{"source", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qlik_gateway_callback_duration_seconds", Help: "Time that callbacks took.",
			NativeHistogramBucketFactor: 1.1, Buckets: prometheus.ExponentialBuckets(0.005, 4, 8),
		}, []string{"source"}),
	}
	return m, errors.Join(registry.Register(m.calls), registry.Register(m.seconds))
}

func (m *CallbackMetrics) called(source string, reason Reason, took time.Duration) {
	m.calls.WithLabelValues(source, string(reason)).Inc()
	m.seconds.WithLabelValues(source).Observe(took.Seconds())
}
