package main

import (
	"encoding/json"
	"strconv"

	"github.com/qlikgateway/gateway/bridge/rules"
)

type writtenSource struct {
	Preset  string        `json:"preset"`
	Secret  secrets       `json:"secret"`
	Verify  writtenVerify `json:"verify"`
	NATS    *writtenNATS  `json:"nats"`
	Allow   *writtenAllow `json:"allow"`
	Rate    string        `json:"rate"`
	Origins []string      `json:"origins"`
	Tenant  string        `json:"tenant"`

	Callback *writtenCallback `json:"callback"`
}

type writtenCallback struct {
	Hosts  []string `json:"hosts"`
	Secret secrets  `json:"secret"`
	Allow  []string `json:"allow"`
}

type writtenNATS struct {
	Subject string `json:"subject"`
	Queue   string `json:"queue"`
	Stream  string `json:"stream"`
	Durable string `json:"durable"`
}

type writtenAllow struct {
	Apps     []string       `json:"apps"`
	Actions  []rules.Action `json:"actions"`
	Tenants  []string       `json:"tenants"`
	Spaces   []string       `json:"spaces"`
	Priority string         `json:"priority"`
}

// writtenVerify is a word such as none, or one way to prove with its settings.
type writtenVerify struct {
	Word     string           `json:"-"`
	HMAC     *writtenHMAC     `json:"hmac"`
	Webhooks *writtenWebhooks `json:"standard-webhooks"`
	Bearer   *writtenToken    `json:"bearer"`
	Header   *writtenToken    `json:"header"`
	Query    *writtenToken    `json:"query"`
	Basic    *writtenBasic    `json:"basic"`
	JWT      *writtenJWT      `json:"jwt"`
	SNS      *struct {
		Topics []string `json:"topics"`
	} `json:"sns"`
	MTLS *struct {
		CA    string   `json:"ca"`
		Names []string `json:"names"`
	} `json:"mtls"`
	IP  []string        `json:"ip"`
	All []writtenVerify `json:"all"`
	Any []writtenVerify `json:"any"`
}

type writtenHMAC struct {
	Header    string  `json:"header"`
	Hash      string  `json:"hash"`
	Encoding  string  `json:"encoding"`
	Prefix    string  `json:"prefix"`
	Separator string  `json:"separator"`
	Signed    string  `json:"signed"`
	Timestamp string  `json:"timestamp"`
	Tolerance string  `json:"tolerance"`
	Secret    secrets `json:"secret"`
}

type writtenWebhooks struct {
	Tolerance string  `json:"tolerance"`
	Secret    secrets `json:"secret"`
}

type writtenToken struct {
	Name   string  `json:"name"`
	Scheme string  `json:"scheme"`
	Secret secrets `json:"secret"`
}

type writtenBasic struct {
	User   string  `json:"user"`
	Secret secrets `json:"secret"`
}

type writtenJWT struct {
	Issuer   string                 `json:"issuer"`
	JWKS     string                 `json:"jwks"`
	Audience string                 `json:"audience"`
	Claims   map[string]claimValues `json:"claims"`
}

// UnmarshalJSON accepts a word or keys and values.
func (v *writtenVerify) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &v.Word) == nil {
		return nil
	}
	type plain writtenVerify
	return json.Unmarshal(text, (*plain)(v))
}

// claimValues are the values that a claim may have.
type claimValues []string

// UnmarshalJSON accepts a text, true, false, or a list of texts.
func (c *claimValues) UnmarshalJSON(text []byte) error {
	var one any
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	switch v := one.(type) {
	case string:
		*c = claimValues{v}
	case bool:
		*c = claimValues{strconv.FormatBool(v)}
	default:
		return json.Unmarshal(text, (*[]string)(c))
	}
	return nil
}
