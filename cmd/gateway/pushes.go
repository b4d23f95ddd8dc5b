package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/ingress"
)

// pushTo lets what Qlik says of reloads go to the dispatcher that waits for them.
func (g *gateway) pushTo(desk *bridge.Desk) func(tenant, reload string) {
	return func(tenant, reload string) {
		if err := desk.Push(tenant, reload); err != nil {
			g.log.Warn().Err(err).Str("tenant", tenant).Str("reload_id", reload).Msg("push lost; the reload is polled")
		}
	}
}

// tenantOf is the tenant whose reloads the events of a source are about.
func (r *reader) tenantOf(name string, w writtenSource) string {
	preset, _ := ingress.LookupPreset(w.Preset)
	tenants := sorted(r.written.Tenants)
	_, known := r.written.Tenants[w.Tenant]
	switch {
	case w.Tenant == "" && !preset.Reloads:
	case w.Tenant == "" && len(tenants) == 1:
		return tenants[0]
	case w.Tenant == "" && len(tenants) > 1:
		r.report(fmt.Sprintf("expected tenant, one of %s: whose reloads its events are about", strings.Join(tenants, ", ")), "sources", name)
	case !preset.Reloads:
		r.report("only sources with the preset qlik-cloud are of one tenant; allow.tenants narrows others", "sources", name, "tenant")
	case !known:
		r.report(fmt.Sprintf("there is no tenant %q, expected one of %s", w.Tenant, strings.Join(tenants, ", ")), "sources", name, "tenant")
	}
	return w.Tenant
}

// unheard warns of tenants whose foreign reloads are to be told, and nobody tells of.
func (r *reader) unheard() {
	heard, tenants := map[string]bool{}, sorted(r.written.Tenants)
	for _, w := range r.written.Sources {
		if preset, _ := ingress.LookupPreset(w.Preset); preset.Reloads && len(tenants) > 0 {
			heard[cmp.Or(w.Tenant, tenants[0])] = true
		}
	}
	for _, name := range tenants {
		if r.written.Tenants[name].Foreign && !heard[name] {
			r.warn("no source with the preset qlik-cloud tells of this tenant's reloads, so none is told", "tenants", name, "foreign_reloads")
		}
	}
}
