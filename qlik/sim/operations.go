package sim

import (
	"maps"
	"net/http"
	"slices"

	"github.com/qlikgateway/gateway/qlik"
)

// operations binds each operationId to the method that carries it out.
func (t *Tenant) operations() map[string]operation {
	return map[string]operation{
		"getAppsPrivileges": t.getAppsPrivileges,
		"createApp":         t.createApp,
		"getApp":            t.getApp,
		"copyApp":           t.copyApp,
		"publishApp":        t.publishApp,
		"republishApp":      t.republishApp,
		"listSpaces":        t.listSpaces,
		"createSpace":       t.createSpace,
		"getSpace":          t.getSpace,
		"listReloads":       t.listReloads,
		"reloadApp":         t.reloadApp,
		"getReload":         t.getReload,
		"cancelReload":      t.cancelReload,

		"oauthToken": t.oauthToken,
		"getMe":      t.getMe,
		"listItems":  t.listItems,
	}
}

// operationIDs lists every operation that a fault may name.
func (t *Tenant) operationIDs() []string {
	return slices.Collect(maps.Keys(t.operations()))
}

// beyond lists what the tenant answers outside Qlik's document.
func (t *Tenant) beyond() []qlik.Operation {
	list := []qlik.Operation{{ID: "oauthToken", Method: http.MethodPost, Path: "/oauth/token"}}
	if t.cfg.Dialect != qlik.Cloud {
		return list
	}
	return append(list,
		qlik.Operation{ID: "getMe", Method: http.MethodGet, Path: "/users/me", Class: qlik.ClassRead},
		qlik.Operation{ID: "listItems", Method: http.MethodGet, Path: "/items", Class: qlik.ClassRead},
	)
}
