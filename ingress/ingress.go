package ingress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// Defaults of Config, in bytes.
const (
	DefaultMaxBody = 512 << 10
	DefaultMaxHeld = 128 << 20
)

// storeTimeout bounds one delivery's way to the journal. It is below the five
// seconds that the most impatient sender waits, and it runs on when the sender
// hangs up: what is proven is stored.
const storeTimeout = 4 * time.Second

// Config is what an Ingress is made of, for as long as it lives.
type Config struct {
	// Append stores an event for its targets and returns when it is safe:
	// (*events.Journal).Append.
	Append func(ctx context.Context, a events.Arrival, targets []events.Target, revision uint64) (events.Receipt, error)

	// Bury keeps what a stream holds and nobody can read among the dead letters, and
	// returns when it is safe there. Needed for sources that read streams.
	Bury func(ctx context.Context, poison Poison) error

	// Push tells who watches a tenant's reloads that Qlik says one is over. It must not
	// wait. nil = nobody is told.
	Push func(tenant, reload string)

	// Runs are what the source `runs` needs; its zero value serves no runs.
	Runs Runs

	MaxBody int64 // bytes of one delivery; default DefaultMaxBody
	MaxHeld int64 // bytes of all HTTP deliveries at once, more are answered 503; default DefaultMaxHeld

	// Proxies are the addresses and networks whose X-Forwarded-For is believed.
	Proxies []string
	// Transport fetches keys, certificates and confirmations; default: TLS over the
	// proxy that the environment names.
	Transport http.RoundTripper

	// Trace is told of every event that is stored, hop by hop; nil = nobody asks.
	Trace func(events.Hop)

	Registerer prometheus.Registerer
	Log        zerolog.Logger
}

// Live is the part of the configuration that can change while the gateway runs.
type Live struct {
	Sources  *Sources
	Rules    *rules.Set // nil = none
	Revision uint64     // number of this configuration, stored with each event
	Rate     Rate       // of all HTTP requests of one client address, before any proof; zero = 1000/s
}

// An Ingress receives events. The zero value is not usable; see New.
type Ingress struct {
	config  Config
	live    atomic.Pointer[Live]
	changed chan struct{} // holds one token when Set was called and Listen has not looked
	held    atomic.Int64  // bytes of HTTP deliveries that were read and not yet answered
	metrics *metrics
	proxies []netip.Prefix
	outside *outside
	bursts  *bursts
	crowd   atomic.Pointer[crowd]
	waiting waiting
	refused zerolog.Logger // sampled, so that a flood does not fill the log
}

// New returns an Ingress that refuses everything until Set gave it sources. It
// fails when its metrics are already registered.
func New(config Config) (*Ingress, error) {
	if config.Append == nil || config.Registerer == nil {
		return nil, errors.New("make ingress: Append and Registerer are needed")
	}
	if config.MaxBody <= 0 {
		config.MaxBody = DefaultMaxBody
	}
	if config.MaxHeld <= 0 {
		config.MaxHeld = DefaultMaxHeld
	}
	proxies, err := parseNetworks(config.Proxies)
	if err != nil {
		return nil, fmt.Errorf("read trusted proxies: %w", err)
	}
	m, err := newMetrics(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register ingress metrics: %w", err)
	}
	in := &Ingress{
		config:  config,
		changed: make(chan struct{}, 1),
		metrics: m,
		proxies: proxies,
		outside: newOutside(config.Transport),
		waiting: waiting{slots: make(chan struct{}, maxWaiting), closed: make(chan struct{}), once: &sync.Once{}, over: &sync.WaitGroup{}},
		bursts:  &bursts{last: map[burst]said{}},
		refused: sampled(config.Log),
	}
	in.crowd.Store(newCrowd(defaultAddressRate()))
	return in, nil
}

// sampled returns a log that a flood does not fill.
func sampled(log zerolog.Logger) zerolog.Logger {
	return log.Sample(&zerolog.BurstSampler{Burst: 20, Period: time.Second})
}

// Set puts sources and rules in force for every delivery that begins after it.
// Deliveries under way end with what they began with. What sources used of their
// rates stays used, and what addresses used of theirs unless it is another rate now.
func (in *Ingress) Set(live Live) {
	if live.Rules == nil {
		live.Rules = &rules.Set{}
	}
	if before := in.live.Load(); before != nil && before.Sources != nil && live.Sources != nil {
		live.Sources.inherit(before.Sources)
	}
	if live.Rate == (Rate{}) {
		live.Rate = defaultAddressRate()
	}
	if live.Rate != in.crowd.Load().each {
		in.crowd.Store(newCrowd(live.Rate))
	}
	in.metrics.begin(live.Rules)
	in.live.Store(&live)
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// source returns the configuration in force and the source of that name in it;
// nil when there is none.
func (in *Ingress) source(name string) (*Live, *source) {
	live := in.live.Load()
	if live == nil || live.Sources == nil {
		return nil, nil
	}
	return live, live.Sources.byName[name]
}
