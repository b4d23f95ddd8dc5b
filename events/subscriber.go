package events

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/rs/zerolog"
)

// A Pace is how a subscriber retries, parks and saves. The zero value of a field
// stands for its default.
type Pace struct {
	Base     time.Duration // the first wait after a failure; it doubles each time; default 5s
	Cap      time.Duration // the longest; default 1h
	Failures int           // so many in a row open the breaker; default 5
	Open     time.Duration // nothing is sent for so long, then one delivery; default 30s
	Save     time.Duration // at most so long after a change it is saved; default 250ms
	Drain    time.Duration // how long deliveries under way may take to end at a stop; default 5s
	Waiting  int           // outcomes that may wait before no more are read; default 5000
}

func (p Pace) withDefaults() Pace {
	for _, field := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&p.Base, 5 * time.Second}, {&p.Cap, time.Hour}, {&p.Open, 30 * time.Second},
		{&p.Save, 250 * time.Millisecond}, {&p.Drain, 5 * time.Second},
	} {
		if *field.value <= 0 {
			*field.value = field.fallback
		}
	}
	if p.Failures <= 0 {
		p.Failures = 5
	}
	if p.Waiting <= 0 {
		p.Waiting = 5000
	}
	return p
}

// SubscriberConfig is what a Subscriber works with.
type SubscriberConfig struct {
	Subscription Subscription
	States       *Subscriptions
	Publisher    *Publisher // of what happens to the subscription
	Metrics      *SubscriptionMetrics
	Trace        func(Hop) // told of every try to deliver; nil = nobody asks
	Log          zerolog.Logger
	Pace         Pace

	// Hold runs work under a lease of that name: work begins when no other replica
	// holds it, and its context ends when ctx does or, with another cause than
	// context.Canceled, when the lease is lost.
	Hold func(ctx context.Context, name string, work func(context.Context) error) error

	TLS      *tls.Config   // nil = Go's defaults and the system's certificates
	Resolver *net.Resolver // nil = the system's
}

// A Subscriber tells one subscription of outcomes, in the order of each app, until
// they are delivered. It never gives one up by itself.
type Subscriber struct {
	cfg     SubscriberConfig
	to      Subscription
	courier *courier
	log     zerolog.Logger
}

// NewSubscriber returns a subscriber, or says what is wrong with the subscription.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	cfg.Pace = cfg.Pace.withDefaults()
	to := cfg.Subscription.withDefaults()
	courier, err := newCourier(to, cfg.TLS, cfg.Resolver)
	if err != nil {
		return nil, err
	}
	log := cfg.Log.With().Str("subscription", to.Name).Str("host", to.host()).Logger()
	return &Subscriber{cfg: cfg, to: to, courier: courier, log: log}, nil
}

// Waits between two tenures of a subscriber.
const (
	tenureSoon = 100 * time.Millisecond
	tenureLate = 5 * time.Second
)

// Run works for the subscription whenever this replica holds its lease, until ctx
// ends; then it waits for deliveries under way and returns nil.
func (s *Subscriber) Run(ctx context.Context) error {
	defer s.courier.close()
	for wait := tenureSoon; ; wait = min(2*wait, tenureLate) {
		began := time.Now()
		err := s.cfg.Hold(ctx, stateKey(s.to.Name), s.work)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errTaken) || time.Since(began) > tenureLate {
			wait = tenureSoon
		}
		if err != nil && !errors.Is(err, errTaken) {
			s.log.Warn().Err(err).Str("hop", "deliver").Dur("again_in", wait).Msg("deliveries begin again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
