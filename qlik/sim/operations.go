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
		"getAppsPrivileges":     t.getAppsPrivileges,
		"createApp":             t.createApp,
		"getApp":                t.getApp,
		"updateApp":             t.updateApp,
		"deleteApp":             t.deleteApp,
		"copyApp":               t.copyApp,
		"exportApp":             t.exportApp,
		"importApp":             t.importApp,
		"publishApp":            t.publishApp,
		"republishApp":          t.republishApp,
		"updateAppOwner":        t.updateAppOwner,
		"moveAppToSpace":        t.moveAppToSpace,
		"removeAppFromSpace":    t.removeAppFromSpace,
		"getAppDataMetadata":    t.getAppDataMetadata,
		"getAppDataLineage":     t.getAppDataLineage,
		"getAppScripts":         t.getAppScripts,
		"setAppScript":          t.setAppScript,
		"getAppReloadLogs":      t.getAppReloadLogs,
		"getAppReloadLog":       t.getAppReloadLog,
		"listSpaces":            t.listSpaces,
		"createSpace":           t.createSpace,
		"getSpace":              t.getSpace,
		"updateSpace":           t.updateSpace,
		"patchSpace":            t.patchSpace,
		"deleteSpace":           t.deleteSpace,
		"listSpaceAssignments":  t.listSpaceAssignments,
		"createSpaceAssignment": t.createSpaceAssignment,
		"getSpaceAssignment":    t.getSpaceAssignment,
		"updateSpaceAssignment": t.updateSpaceAssignment,
		"deleteSpaceAssignment": t.deleteSpaceAssignment,
		"listSpaceTypes":        t.listSpaceTypes,
		"listReloads":           t.listReloads,
		"reloadApp":             t.reloadApp,
		"getReload":             t.getReload,
		"cancelReload":          t.cancelReload,

		"oauthToken":            t.oauthToken,
		"getMe":                 t.getMe,
		"listItems":             t.listItems,
		"getAppScript":          t.getAppScript,
		"download":              t.download,
		"createWebhook":         t.createWebhook,
		"getWebhooks":           t.getWebhooks,
		"getWebhook":            t.getWebhook,
		"patchWebhook":          t.patchWebhook,
		"updateWebhook":         t.updateWebhook,
		"deleteWebhook":         t.deleteWebhook,
		"getWebhookEventTypes":  t.getWebhookEventTypes,
		"getWebhookDeliveries":  t.getWebhookDeliveries,
		"getWebhookDelivery":    t.getWebhookDelivery,
		"resendWebhookDelivery": t.resendWebhookDelivery,
	}
}

// operationIDs lists every operation that a fault may name.
func (t *Tenant) operationIDs() []string {
	return slices.Collect(maps.Keys(t.operations()))
}

// beyond lists what the tenant answers outside Qlik's document.
func (t *Tenant) beyond() []qlik.Operation {
	const get, post = http.MethodGet, http.MethodPost
	list := []qlik.Operation{
		{ID: "oauthToken", Method: post, Path: "/oauth/token"},
		{ID: "download", Method: get, Path: "/temp-contents/{contentId}", Class: qlik.ClassRead},
	}
	if t.cfg.Dialect != qlik.Cloud {
		return list
	}
	return append(list, []qlik.Operation{
		{ID: "getAppScript", Method: get, Path: "/apps/{appId}/scripts/{scriptId}", Class: qlik.ClassRead},
		{ID: "getMe", Method: get, Path: "/users/me", Class: qlik.ClassRead},
		{ID: "listItems", Method: get, Path: "/items", Class: qlik.ClassRead},
		{ID: "createWebhook", Method: post, Path: "/webhooks", Class: qlik.ClassWrite},
		{ID: "getWebhooks", Method: get, Path: "/webhooks", Class: qlik.ClassRead},
		{ID: "getWebhookEventTypes", Method: get, Path: "/webhooks/event-types", Class: qlik.ClassRead},
		{ID: "getWebhook", Method: get, Path: "/webhooks/{webhookId}", Class: qlik.ClassRead},
		{ID: "patchWebhook", Method: http.MethodPatch, Path: "/webhooks/{webhookId}", Class: qlik.ClassWrite},
		{ID: "updateWebhook", Method: http.MethodPut, Path: "/webhooks/{webhookId}", Class: qlik.ClassWrite},
		{ID: "deleteWebhook", Method: http.MethodDelete, Path: "/webhooks/{webhookId}", Class: qlik.ClassWrite},
		{ID: "getWebhookDeliveries", Method: get, Path: "/webhooks/{webhookId}/deliveries", Class: qlik.ClassRead},
		{ID: "getWebhookDelivery", Method: get, Path: "/webhooks/{webhookId}/deliveries/{deliveryId}", Class: qlik.ClassRead},
		{ID: "resendWebhookDelivery", Method: post, Path: "/webhooks/{webhookId}/deliveries/{deliveryId}/actions/resend", Class: qlik.ClassWrite},
	}...)
}
