package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

const (
	leaseTTL     = 10 * time.Second // a replica that vanished is replaced after this
	stopListener = 10 * time.Second // how long requests under way may take to end
	stopCalls    = 10 * time.Second // how long calls to Qlik may take to end
	brokerWait   = 2 * time.Second  // between two tries to reach an external broker
)

// A gateway is one running process: a broker, the ingress, a dispatcher for each
// tenant, and the console.
type gateway struct {
	cfg    *config
	log    zerolog.Logger
	limits bridge.Limits // but for each tenant's own quota

	idle     bool // accept events and carry out nothing; for tests of the demo
	stopping atomic.Bool
}

// addresses are where a running gateway can be reached.
type addresses struct {
	HTTP    string // host:port for senders
	Console string // host:port for operators
	NATS    string // URL for NATS clients; "" when nobody may connect
}

// parts are what a gateway is made of once its broker is open.
type parts struct {
	broker      *broker.Broker
	ingress     *ingress.Ingress
	dispatchers []*bridge.Dispatcher
	senders     *http.Server
	operators   *http.Server
}

// run works until ctx ends, and then stops in the order in which nothing is lost:
// listeners first, then calls under way, then the broker. up is told where the
// gateway can be reached once it takes events.
func (g *gateway) run(ctx context.Context, up func(addresses)) (err error) {
	public, err := net.Listen("tcp", g.cfg.HTTPAddr)
	if err != nil {
		return fmt.Errorf("listen for senders (http.addr): %w", err)
	}
	defer func() { _ = public.Close() }()
	internal, err := net.Listen("tcp", g.cfg.ConsoleAddr)
	if err != nil {
		return fmt.Errorf("listen for operators (console.addr): %w", err)
	}
	defer func() { _ = internal.Close() }()
	b, err := g.openBroker(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), stopListener)
		defer cancel()
		err = errors.Join(err, b.Close(closing))
	}()
	p, err := g.assemble(ctx, b)
	if err != nil {
		return err
	}
	where := addresses{HTTP: public.Addr().String(), Console: internal.Addr().String(), NATS: b.ClientURL()}
	g.log.Info().Str("hop", "up").Str("http", where.HTTP).Str("console", where.Console).Str("nats", where.NATS).Msg("gateway is up")
	return g.serve(ctx, p, public, internal, func() { up(where) })
}

// openBroker opens the broker. An external one may come up later than the gateway,
// so it is tried again until it is there or ctx ends.
func (g *gateway) openBroker(ctx context.Context) (*broker.Broker, error) {
	for {
		b, err := broker.Open(ctx, g.cfg.Broker, g.log)
		if err == nil || g.cfg.Broker.URL == "" || ctx.Err() != nil {
			return b, err
		}
		g.log.Warn().Err(err).Str("hop", "up").Dur("again_in", brokerWait).Msg("the broker is not there yet")
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(brokerWait):
		}
	}
}

// serve runs the parts until ctx ends or one of them fails.
func (g *gateway) serve(ctx context.Context, p *parts, public, internal net.Listener, up func()) error {
	failed := make(chan error, 8)
	var doing, listening sync.WaitGroup
	do, stopDoing := context.WithCancel(context.WithoutCancel(ctx))
	listen, stopListening := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDoing()
	defer stopListening()
	start := func(group *sync.WaitGroup, part string, f func() error) {
		group.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", part, err)
			}
		})
	}
	for _, dispatcher := range p.dispatchers {
		start(&doing, "dispatcher", func() error { return dispatcher.Run(do) })
	}
	start(&doing, "console", func() error { return p.operators.Serve(internal) })
	start(&listening, "http", func() error { return p.senders.Serve(public) })
	start(&listening, "nats", func() error { return p.ingress.Listen(listen, p.broker.Edge()) })
	up()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	g.stopping.Store(true)
	g.log.Info().Str("hop", "stop").Msg("stopping: finishing what is in hand")
	stopListening()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopListener)
	defer cancel()
	err = errors.Join(err, p.senders.Shutdown(bounded))
	listening.Wait()
	stopDoing()
	err = errors.Join(err, p.operators.Shutdown(bounded))
	doing.Wait()
	return err
}

// assemble makes the parts. Everything that can fail does so here, before anything
// is served.
func (g *gateway) assemble(ctx context.Context, b *broker.Broker) (*parts, error) {
	names, js := b.Names(), b.JetStream()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics, err := bridge.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	ledger, err := bridge.OpenLedger(ctx, js, names.Ledger)
	if err != nil {
		return nil, err
	}
	revisions := bridge.NewRevisions(ledger)
	revision, err := revisions.Use(ctx, g.cfg.Document, g.cfg.Rules)
	if err != nil {
		return nil, err
	}
	leases, err := bridge.OpenLeases(ctx, js, names.Leases, holder(), leaseTTL)
	if err != nil {
		return nil, err
	}
	journal := events.NewJournal(js, events.JournalConfig{
		In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject,
	})
	p := &parts{broker: b}
	if err := g.openDoor(p, journal, revision.Number, registry); err != nil {
		return nil, err
	}
	desk := bridge.NewDesk(b.Conn(), names.Queue+".orders")
	shared := bridge.Config{
		Desk:    desk,
		Journal: journal, Publisher: events.NewPublisher(js, events.PublisherConfig{Subject: names.OutSubject}),
		Dead: events.NewDeadLetters(js, names.DeadSubject), Ledger: ledger, Leases: leases, Metrics: metrics,
		Revisions: revisions, Log: g.log, Drain: stopCalls,
	}
	for _, name := range sorted(g.cfg.Tenants) {
		dispatcher, err := g.dispatcher(name, shared)
		if err != nil {
			return nil, err
		}
		if !g.idle {
			p.dispatchers = append(p.dispatchers, dispatcher)
		}
	}
	p.operators = &http.Server{
		Handler: console.New(console.Config{
			Ledger: ledger, Desk: desk, Metrics: registry, Ready: func(context.Context) error { return g.ready(b) },
			Version: currentBuild().Version, Log: g.log,
		}),
		ReadHeaderTimeout: ingress.ReadHeaderTimeout,
	}
	return p, nil
}

// openDoor makes the ingress.
func (g *gateway) openDoor(p *parts, journal *events.Journal, revision uint64, registry prometheus.Registerer) error {
	door, err := ingress.New(ingress.Config{Append: journal.Append, Registerer: registry, Log: g.log})
	if err != nil {
		return err
	}
	door.Set(ingress.Live{Sources: g.cfg.Sources, Rules: g.cfg.Rules, Revision: revision})
	handler, err := door.Handler()
	if err != nil {
		return err
	}
	p.ingress, p.senders = door, door.Server(handler)
	return nil
}

// dispatcher makes the dispatcher of one tenant.
func (g *gateway) dispatcher(name string, shared bridge.Config) (*bridge.Dispatcher, error) {
	tenant := g.cfg.Tenants[name]
	client, err := qlik.New(tenant.Qlik)
	if err != nil {
		return nil, fmt.Errorf("tenant %s: %w", name, err)
	}
	shared.Tenant, shared.URL, shared.Client, shared.Breaker = name, tenant.Qlik.URL, client, tenant.Breaker
	shared.Limits = g.limits
	shared.Limits.Alone = g.cfg.Broker.URL == ""
	shared.Limits.Quota = map[qlik.Class]bridge.Rate{}
	for class, rate := range g.limits.Quota {
		shared.Limits.Quota[class] = rate
	}
	for class, own := range tenant.Quota {
		shared.Limits.Quota[class] = bridge.Rate(own)
	}
	return bridge.NewDispatcher(shared), nil
}

// ready says why no event can be taken now, or nil. Qlik's health is no part of
// it: while Qlik is down, events are taken and kept.
func (g *gateway) ready(b *broker.Broker) error {
	if g.stopping.Load() {
		return errors.New("the gateway is stopping")
	}
	if b.Conn().Status() != nats.CONNECTED {
		return errors.New("the broker is not connected")
	}
	return b.Ready()
}

// holder names this process in leases.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
