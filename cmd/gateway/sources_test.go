package main

import (
	"strings"
	"testing"
)

func TestEveryWayToProveCanBeWritten(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"none":              "{verify: none}",
		"bearer":            "{verify: bearer, secret: env:A_SECRET}",
		"own secret":        "{verify: {bearer: {secret: [env:A_SECRET, env:B_SECRET]}}}",
		"standard webhooks": "{verify: {standard-webhooks: {tolerance: 1m, secret: env:GITLAB}}}",
		"hmac": `{secret: env:A_SECRET, verify: {hmac: {header: X-Sig, hash: sha512, encoding: base64, prefix: "v0=", separator: ",",
			signed: "v0:{timestamp}:{body}", timestamp: X-Time, tolerance: 1m}}}`,
		"header":   "{verify: {header: {name: X-Api-Key}}, secret: env:A_SECRET}",
		"query":    "{verify: {query: {name: key}}, secret: env:A_SECRET}",
		"jwt":      "{verify: {jwt: {issuer: 'https://login.example.com', audience: a, claims: {email: [a@b, c@d], email_verified: true}}}}",
		"jwks":     "{verify: {jwt: {issuer: 'https://login.example.com', jwks: 'https://login.example.com/keys', audience: a}}}",
		"sns":      "{verify: {sns: {topics: ['arn:aws:sns:eu-west-1:123456789012:loads']}}}",
		"ip":       "{verify: {ip: [192.0.2.0/24, '2001:db8::1']}}",
		"all, any": "{secret: env:A_SECRET, verify: {all: [{ip: [192.0.2.0/24]}, {any: [bearer, {basic: {user: etl}}]}]}}",
	} {
		c, problems := parseConfig("gateway.yaml", []byte(tenant+"rules: [{name: r, on: x, app: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, do: [reload]}]\nsources: {x: "+strings.ReplaceAll(source, "\n", " ")+"}"), environment)
		if c == nil || len(problems) > 0 && name != "none" {
			t.Errorf("%s:\n%s", name, lines(problems))
		}
	}
}

func TestMistakesInWaysToProveAreToldWithTheirPlace(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"{verify: {hmac: {header: X, hash: md5}}, secret: env:A_SECRET}":                  "sources.x.verify.hmac.hash: expected sha256, sha512 or sha1",
		"{verify: {hmac: {header: X, tolerance: 0s}}, secret: env:A_SECRET}":              "sources.x.verify.hmac.tolerance: ",
		"{verify: {hmac: {header: X}, bearer: {}}, secret: env:A_SECRET}":                 "sources.x.verify: 2 keys; expected at most 1",
		"{verify: {bearer: {secret: env:NOT_SET}}}":                                       "sources.x.verify.bearer.secret: the environment variable NOT_SET",
		"{verify: {any: [bearer, {header: {}}]}, secret: env:A_SECRET}":                   "sources.x.verify.any[1].header.name: is missing",
		"{verify: {jwt: {audience: a}}}":                                                  "sources.x.verify: jwt.issuer: expected",
		"{verify: {jwt: {issuer: 'http://a.example.com', audience: a}}}":                  "sources.x.verify: jwt.issuer: expected",
		"{verify: {jwt: {issuer: 'https://a.example.com', audience: a, claims: {x: 1}}}}": "sources.x.verify.jwt.claims.x: expected text in quotes",
		"{verify: {sns: {topics: [loads]}}}":                                              "sources.x.verify: sns.topics: expected ARNs",
		"{verify: {mtls: {ca: none.pem}}}":                                                "sources.x.verify.mtls: client certificates are seen only where TLS ends",
		"{verify: {ip: [192.0.2.1/24]}}":                                                  "sources.x.verify: ip: 192.0.2.1/24 has bits behind its mask; expected 192.0.2.0/24",
		"{verify: {ip: [192.0.2.1]}, secret: env:A_SECRET}":                               "sources.x.secret: this secret proves nothing",
	} {
		c, problems := parseConfig("gateway.yaml", []byte(tenant+"sources: {x: "+source+"}"), environment)
		if got := lines(problems); c != nil || !strings.Contains(got, want) {
			t.Errorf("%s:\n%s", source, got)
		}
	}
}

func TestQueueGroupsAreTheInstallationsOwn(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{"": "gateway.etl", "STAGING": "staging.etl"} {
		w := written{}
		w.Broker.Prefix = prefix
		r := &reader{written: w}
		if got := r.subject("etl", &writtenNATS{Subject: "etl.>"}).Queue; got != want {
			t.Errorf("prefix %q: queue group %s, want %s", prefix, got, want)
		}
	}
	c, problems := parseConfig("gateway.yaml", []byte(tenant+"sources: {x: {nats: {subject: 'a.>', stream: LOADS}}}"), environment)
	if got := lines(problems); c != nil || !strings.Contains(got, "sources.x.nats.stream: people have no streams on the embedded server") {
		t.Errorf("got:\n%s", got)
	}
	text := tenant + "broker: {url: 'nats://nats:4222'}\nsources: {x: {nats: {subject: 'a.>', stream: LOADS}}}"
	if c, problems := parseConfig("gateway.yaml", []byte(text), environment); c == nil {
		t.Errorf("got:\n%s", lines(problems))
	}
}
