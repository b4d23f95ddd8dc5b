package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

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
	leaseTTL       = 6 * time.Second  // a replica that vanished is replaced after this
	stopListener   = 10 * time.Second // how long requests under way may take to end
	stopCalls      = 10 * time.Second // how long calls to Qlik may take to end
	maxConnections = 8192             // of senders at once; more wait in the system's queue

	brokerWait = 2 * time.Second // between two tries to open a broker that is not there yet
)

// A gateway is one running process: a broker, the ingress, a dispatcher for each
// tenant, and the console.
type gateway struct {
	cfg    *config
	log    zerolog.Logger
	dial   *console.Dial    // how much is logged; nil = that is fixed
	trace  func(events.Hop) // nil = no traces
	limits bridge.Limits    // but for each tenant's own quota

	files       *configFiles // nil = the configuration never changes
	certificate *certificate // of the listener for senders; nil = TLS ends before the gateway

	idle bool // accept events and carry out nothing; for tests of the demo
}

// addresses are where a running gateway can be reached.
type addresses struct {
	HTTP    string // host:port for senders
	Console string // host:port for operators
	NATS    string // URL for NATS clients; "" when nobody may connect
}

// assemble makes the parts. Everything that can fail does so here, before anything
// is served.
func (g *gateway) assemble(ctx context.Context, b *broker.Broker) (*session, error) {
	registry := prometheus.NewRegistry()
	p := &session{broker: b, log: g.log}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), readinessOf(p), fillOf(b))
	metrics, err := bridge.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	kept, err := openStore(ctx, b)
	if err != nil {
		return nil, err
	}
	if err := kept.refuseLeftovers(ctx, g.cfg); err != nil {
		return nil, err
	}
	revisions := bridge.NewRevisions(kept.ledger)
	revision, err := revisions.Use(ctx, g.cfg.Document, g.cfg.Rules)
	if err != nil {
		return nil, err
	}
	p.revisions, p.metrics = revisions, metrics
	p.reload = func(ctx context.Context) error { return g.follow(ctx, p) }
	desk := bridge.NewDesk(b.Conn(), b.Names().Queue+".orders")
	door := ingress.Config{Append: kept.journal.Append, Bury: burial(kept.dead), Push: g.pushTo(desk), Runs: runsOf(kept.ledger, kept.journal, func() *bridge.Index { return p.operators.Index() }), Trace: g.trace, Proxies: g.cfg.Proxies, Registerer: registry, Log: g.log}
	if err := g.openDoor(p, door, revision.Number); err != nil {
		return nil, err
	}
	shared := bridge.Config{
		Desk: desk, Journal: kept.journal, Skip: b.Skip, Publisher: kept.publisher, Dead: kept.dead, Ledger: kept.ledger, Leases: kept.leases, Metrics: metrics, Trace: g.trace,
		Revisions: revisions, Log: g.log, Drain: stopCalls,
	}
	clients := map[string]*qlik.Client{}
	for _, name := range sorted(g.cfg.Tenants) {
		if clients[name], err = qlik.New(g.cfg.Tenants[name].Qlik); err != nil {
			return nil, fmt.Errorf("tenant %s: %w", name, err)
		}
		if !g.idle {
			p.dispatchers = append(p.dispatchers, g.dispatcher(name, clients[name], shared))
		}
	}
	if p.tellers, err = g.openTellers(ctx, b, shared, registry); err != nil {
		return nil, err
	}
	if p.caller, err = g.openCaller(p, b, registry); err != nil {
		return nil, err
	}
	p.feed = events.NewFeed(events.FeedConfig{Outcomes: p.tellers.shared.States, Readers: g.cfg.Readers, Log: g.log})
	p.senders = withFeed(p.senders, p.feed)
	p.show(g.cfg, revision.Number)
	var backup func(context.Context, io.Writer) error
	if g.cfg.Broker.URL == "" {
		backup = p.backup(kept.ledger)
	}
	p.operators = console.New(console.Config{
		Ledger: kept.ledger, Journal: kept.journal, Desk: desk, Publisher: kept.publisher, Stream: b.JetStream(), Out: b.Names().Out, Setup: p.setup.Load, Holder: holderOf(kept.leases),
		ReloadLog: reloadLogOf(clients),
		Tokens:    g.cfg.Tokens, Metrics: registry, Told: p.tellers.shared.States, Ready: p.ready, Version: currentBuild().Version, Backup: backup, Dial: g.dial, Log: g.log,
		Replayer: bridge.Replayer{Journal: kept.journal, Dead: kept.dead, Ledger: kept.ledger, Revisions: revisions},
	})
	return p, nil
}

// openDoor makes the ingress.
func (g *gateway) openDoor(p *session, config ingress.Config, revision uint64) error {
	door, err := ingress.New(config)
	if err != nil {
		return err
	}
	door.Set(liveOf(g.cfg, revision))
	p.ingress = door
	p.senders, err = door.Handler()
	return err
}

// openCaller makes who calls back those that wait for a run.
func (g *gateway) openCaller(p *session, b *broker.Broker, registry prometheus.Registerer) (*events.Caller, error) {
	metrics, err := events.NewCallbackMetrics(registry)
	if err != nil {
		return nil, err
	}
	return events.NewCaller(events.CallerConfig{
		JetStream: b.JetStream(), Stream: b.Names().Callbacks, Callbacks: p.ingress.Callbacks, Metrics: metrics, Log: g.log,
	}), nil
}

// dispatcher makes the dispatcher of one tenant.
func (g *gateway) dispatcher(name string, client *qlik.Client, shared bridge.Config) *bridge.Dispatcher {
	tenant := g.cfg.Tenants[name]
	shared.Tenant, shared.URL, shared.Client, shared.Breaker = name, tenant.Qlik.URL, client, tenant.Breaker
	shared.Limits = g.cfg.limits(name, g.limits)
	return bridge.NewDispatcher(shared)
}

// limits returns what the scheduler of a tenant keeps to.
func (c *config) limits(tenant string, base bridge.Limits) bridge.Limits {
	own := c.Tenants[tenant]
	base.Apps, base.DailyBudget, base.Alone = c.AppLimits, own.DailyBudget, c.Broker.URL == ""
	base.Quota = maps.Clone(base.Quota)
	for class, rate := range own.Quota {
		base.Quota[class] = bridge.Rate(rate)
	}
	return base
}

// holder names this process in leases.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
