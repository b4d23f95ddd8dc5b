package main

import (
	"encoding/json"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// written is a configuration file as it is written: the shape that
// schemas/config.schema.json describes, before anything in it is understood.
type written struct {
	HTTP    writtenListener          `json:"http"`
	Console writtenListener          `json:"console"`
	Broker  writtenBroker            `json:"broker"`
	Tenants map[string]writtenTenant `json:"tenants"`
	Apps    map[string]writtenApp    `json:"apps"`
	Sources map[string]writtenSource `json:"sources"`
	Rules   []rules.Definition       `json:"rules"`
}

type writtenListener struct {
	Addr string `json:"addr"`
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
}

type writtenUser struct {
	Name      string   `json:"name"`
	Secret    secret   `json:"secret"`
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
}

type writtenTenant struct {
	URL     string            `json:"url"`
	Dialect string            `json:"dialect"`
	APIKey  secret            `json:"api_key"`
	OAuth   writtenOAuth      `json:"oauth"`
	Quota   map[string]string `json:"quota"`
	Breaker struct {
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
	ID      string `json:"id"`
	Publish struct {
		Space  string `json:"space"`
		Target string `json:"target"`
	} `json:"publish"`
}

type writtenSource struct {
	Preset string        `json:"preset"`
	Secret secrets       `json:"secret"`
	Verify writtenVerify `json:"verify"`
	NATS   *writtenNATS  `json:"nats"`
	Allow  *writtenAllow `json:"allow"`
}

type writtenNATS struct {
	Subject string `json:"subject"`
	Queue   string `json:"queue"`
}

type writtenAllow struct {
	Apps    []string       `json:"apps"`
	Actions []rules.Action `json:"actions"`
}

// writtenVerify is a word such as none, or one verifier with its settings.
type writtenVerify struct {
	Word string
	HMAC *struct {
		Header   string `json:"header"`
		Encoding string `json:"encoding"`
		Prefix   string `json:"prefix"`
	} `json:"hmac"`
	Basic *struct {
		User string `json:"user"`
	} `json:"basic"`
}

// UnmarshalJSON accepts a word or keys and values.
func (v *writtenVerify) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &v.Word) == nil {
		return nil
	}
	type plain writtenVerify
	return json.Unmarshal(text, (*plain)(v))
}
