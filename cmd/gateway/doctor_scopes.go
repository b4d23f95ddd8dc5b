package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// What an OAuth client is allowed; see https://qlik.dev/manage/access-control/scopes.
const (
	scopeApps   = "apps"
	scopeSpaces = "spaces"
	scopeUser   = "user_default"
)

// scopesOf lists what the rules of a tenant ask of an OAuth client: by scope, the
// actions that need it. Qlik answers 403 where one is missing. Whoever the gateway is
// at Qlik is looked up with scopeUser.
func scopesOf(definitions []rules.Definition, tenant string, alone bool) map[string][]string {
	needed := map[string]map[string]bool{scopeApps: {}, scopeUser: {"find the gateway's own reloads": true}}
	for _, rule := range definitions {
		if rule.Tenant != tenant && !(rule.Tenant == "" && alone) {
			continue
		}
		for _, step := range slices.Concat(rule.Do, rule.OnFailure, rule.Always) {
			if step.Action == "emit" {
				continue // asks nothing of Qlik
			}
			needed[scopeApps][step.Action] = true
			if step.Action == "publish" || step.Args["space"] != nil {
				if needed[scopeSpaces] == nil {
					needed[scopeSpaces] = map[string]bool{}
				}
				needed[scopeSpaces][step.Action] = true
			}
		}
	}
	scopes := map[string][]string{}
	for scope, actions := range needed {
		if len(actions) > 0 {
			scopes[scope] = slices.Sorted(maps.Keys(actions))
		}
	}
	return scopes
}

// examineScopes says which scopes an OAuth client needs; an API key has its user's
// roles instead. Those that only reading needs are tried by the looks that follow.
func (d *doctor) examineScopes(cfg *config, name string) {
	if cfg.Tenants[name].Qlik.OAuth.ClientID == "" {
		return
	}
	scopes := scopesOf(cfg.Definitions, name, len(cfg.Tenants) == 1)
	var needed []string
	for _, scope := range slices.Sorted(maps.Keys(scopes)) {
		needed = append(needed, scope+" ("+strings.Join(scopes[scope], ", ")+")")
	}
	d.ok("tenant "+name+", scopes", "the OAuth client needs "+strings.Join(needed, ", "))
}
