package main

import (
	"strings"
	"testing"
)

// What people write in their first hour: each slip is answered with its place and with
// what to write.
func TestFirstSlipsAreNamedWhereTheyAre(t *testing.T) {
	t.Parallel()
	const head = "tenants:\n  acme: {url: \"https://acme.eu.qlikcloud.com\", api_key: "
	for name, tt := range map[string]struct {
		text string
		line int
		says string
	}{
		"a line indented less":       {"tenants:\n  acme:\n    url: https://a.eu.qlikcloud.com\n   api_key: env:KEY\nrules: []\n", 4, "indented"},
		"a bracket left open":        {"tenants: {}\nrules:\n  - {name: r, do: [reload}\n", 3, "expected"},
		"a quote left open":          {"tenants: {}\nsources: {}\nrules: \"x\n", 3, "end of stream"},
		"a quote after a quote":      {"tenants: {}\nrules: 'it's'\n", 2, "quoted"},
		"a shell's variable":         {head + "$QLIK_KEY}\n", 2, "expected env:QLIK_KEY"},
		"a variable in braces":       {head + "'${QLIK_KEY}'}\n", 2, "expected env:QLIK_KEY"},
		"a template's variable":      {head + "'{{ QLIK_KEY }}'}\n", 2, "expected env:QLIK_KEY"},
		"env in capitals":            {head + "'ENV:QLIK_KEY'}\n", 2, "expected env:QLIK_KEY"},
		"a blank behind env":         {head + "'env: QLIK_KEY_OF_NOBODY'}\n", 2, "variable QLIK_KEY_OF_NOBODY is not set"},
		"the address of the API":     {"tenants:\n  acme: {url: \"https://acme.eu.qlikcloud.com/api/v1\", api_key: a-key-that-is-long}\n", 2, "without /api/v1"},
		"a key without its blank":    {"tenants:\n  acme:\n    url: https://a.eu.qlikcloud.com\n    api_key:env:KEY\n", 4, "':'"},
		"one secret for two tokens":  {"tenants:\n  acme: {url: \"https://a.eu.qlikcloud.com\", api_key: a-key-that-is-long}\nconsole:\n  tokens:\n    - {name: a, role: viewer, secret: a-token-of-two}\n    - {name: b, role: operator, secret: a-token-of-two}\n", 6, "another token has this secret"},
		"a secret that has a dollar": {head + "$ecret-of-ours-0123456789}\n", 0, ""},
	} {
		_, problems := parseConfig("gateway.yaml", []byte(tt.text), func(string) (string, bool) { return "", false })
		found := tt.says == ""
		for _, p := range problems {
			if found = found || p.Line == tt.line && strings.Contains(p.Text, tt.says); tt.says == "" && !p.Warning {
				t.Errorf("%s: %v", name, p)
			}
		}
		if !found {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
