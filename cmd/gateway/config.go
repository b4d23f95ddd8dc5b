package main

import (
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

// Defaults of the configuration.
const (
	defaultHTTPAddr    = ":8080"
	defaultConsoleAddr = "127.0.0.1:8081"
	defaultDataDir     = "./data"
)

// A config is a configuration file that was understood: what the parts of the
// gateway are made of.
type config struct {
	HTTPAddr    string
	ConsoleAddr string
	Proxies     []string     // whose X-Forwarded-For is believed
	AddressRate ingress.Rate // of requests of one client address; zero = the default
	TLS         tlsFiles     // of the listener for senders; zero = TLS ends before the gateway
	Broker      broker.Config
	Tenants     map[string]tenantConfig
	Sources     *ingress.Sources
	Rules       *rules.Set

	Subscriptions []events.Subscription // in the order of the file
	Readers       []events.Reader       // of GET /v1/events

	SourceNames []string                   // in the order of the alphabet
	RuleNames   []string                   // in the order of the file
	FromQlik    []ingress.Source           // the sources that Qlik's webhooks feed
	Files       []string                   // that the configuration is read from beside its own: secrets and certificates
	Definitions []rules.Definition         // the rules as written
	Apps        map[string]string          // names of apps, by id in lower case
	PublishTo   map[string]rules.PublishTo // where publish steps put an app when they do not say, by its name
	AppLimits   map[string]bridge.AppLimit // by id in lower case
	Shown       []console.Source           // the sources, as operators may see them
	Tokens      []console.Token            // of the console
	Document    []byte                     // what the rules are made of, as JSON: the same text is the same revision
}

// liveOf is what the ingress takes over of a configuration while it runs.
func liveOf(c *config, revision uint64) ingress.Live {
	return ingress.Live{Sources: c.Sources, Rules: c.Rules, Revision: revision, Rate: c.AddressRate}
}

// tlsFiles are the paths of a certificate and its key, in PEM.
type tlsFiles struct{ Cert, Key string }

// A tenantConfig is what the gateway knows of one Qlik Cloud tenant.
type tenantConfig struct {
	Qlik        qlik.Config
	Quota       map[qlik.Class]rate // the classes that differ from Qlik's published quotas
	DailyBudget int                 // reloads started in any 24 hours; 0 = no limit
	Breaker     qlik.BreakerConfig  // without Probe and OnChange; zero = the breaker's defaults
}

// A rate is how many calls Qlik allows in any span of Per.
type rate struct {
	Calls int
	Per   time.Duration
}
