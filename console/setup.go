package console

import (
	"cmp"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A Setup is the configuration in force, as operators may see it: no secret is in
// it. It never changes; a new configuration is a new Setup.
type Setup struct {
	Revision uint64 // number of the rules' configuration
	Tenants  []Tenant
	Sources  []Source
	Rules    []rules.Definition // in the order of the file
	Set      *rules.Set         // the same, compiled
	Apps     map[string]string  // configured names of apps, by id in lower case

	Subscriptions []string // names of those that are told of outcomes over HTTP
}

// A Tenant is a Qlik Cloud tenant that the gateway works for.
type Tenant struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Dialect string `json:"dialect"`
}

// A Source is who may send events, and how they prove it.
type Source struct {
	Name   string   `json:"name"`
	Preset string   `json:"preset,omitempty"`
	Proof  string   `json:"proof"`           // in words
	Path   string   `json:"path,omitempty"`  // of its address for webhooks
	NATS   string   `json:"nats,omitempty"`  // the subject it sends on
	Setup  []string `json:"setup,omitempty"` // what to do at the sender's, step by step
}

// app returns the name that people gave an app, or its id.
func (s *Setup) app(id string) string { return cmp.Or(s.Apps[id], id) }

// urlOf returns the address of a tenant, "" when it is not configured any more.
func (s *Setup) urlOf(tenant string) string {
	for _, t := range s.Tenants {
		if t.Name == tenant {
			return t.URL
		}
	}
	return ""
}
