package main

import (
	"github.com/qlikgateway/gateway/bridge/rules"
)

// written is a configuration file as it is written: the shape that
// schemas/config.schema.json describes, before anything in it is understood.
type written struct {
	HTTP    writtenHTTP              `json:"http"`
	Console writtenConsole           `json:"console"`
	Broker  writtenBroker            `json:"broker"`
	Tenants map[string]writtenTenant `json:"tenants"`
	Apps    map[string]writtenApp    `json:"apps"`
	Sources map[string]writtenSource `json:"sources"`
	Rules   []rules.Definition       `json:"rules"`

	Subscriptions []writtenSubscription `json:"subscriptions"`
}

type writtenHTTP struct {
	Addr           string   `json:"addr"`
	TrustedProxies []string `json:"trusted_proxies"`
	Rate           string   `json:"rate"`
	TLS            *struct {
		Cert string `json:"cert"`
		Key  string `json:"key"`
	} `json:"tls"`
	Readers []struct {
		Name   string `json:"name"`
		Secret secret `json:"secret"`
	} `json:"readers"`
}

type writtenConsole struct {
	Addr   string `json:"addr"`
	Tokens []struct {
		Name   string `json:"name"`
		Role   string `json:"role"`
		Secret secret `json:"secret"`
	} `json:"tokens"`
}

type writtenBroker struct {
	DataDir         string        `json:"data_dir"`
	Listen          string        `json:"listen"`
	Users           []writtenUser `json:"users"`
	URL             string        `json:"url"`
	Credentials     string        `json:"credentials"`
	EdgeCredentials string        `json:"edge_credentials"`
	TLS             struct {
		CA   string `json:"ca"`
		Cert string `json:"cert"`
		Key  string `json:"key"`
	} `json:"tls"`
	Replicas int    `json:"replicas"`
	Prefix   string `json:"prefix"`
	Sync     string `json:"sync"`
	Format   string `json:"format"`

	JournalBytes int64 `json:"journal_bytes"`
}

type writtenUser struct {
	Name      string   `json:"name"`
	Secret    secret   `json:"secret"`
	NKey      string   `json:"nkey"`
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
}

type writtenTenant struct {
	URL         string            `json:"url"`
	Dialect     string            `json:"dialect"`
	APIKey      secret            `json:"api_key"`
	OAuth       writtenOAuth      `json:"oauth"`
	Quota       map[string]string `json:"quota"`
	Foreign     bool              `json:"foreign_reloads"`
	DailyBudget int               `json:"daily_budget"`
	Breaker     struct {
		Failures int    `json:"failures"`
		Over     string `json:"over"`
		Open     string `json:"open"`
	} `json:"breaker"`
}

type writtenOAuth struct {
	ClientID     string `json:"client_id"`
	ClientSecret secret `json:"client_secret"`
}

type writtenApp struct {
	ID          string `json:"id"`
	MinInterval string `json:"min_interval"`
	DailyBudget int    `json:"daily_budget"`
	Publish     struct {
		Space  string `json:"space"`
		Target string `json:"target"`
	} `json:"publish"`
}
