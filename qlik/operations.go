package qlik

import "net/http"

// A Class is the share of a tenant's quota that an operation is counted in.
type Class string

// The classes of Qlik's quotas, with the calls a minute that each allows.
const (
	ClassReload Class = "reload" // starting and cancelling reloads: 50
	ClassWrite  Class = "write"  // changes to apps and spaces: 100
	ClassRead   Class = "read"   // everything else: 1,000
)

// An Operation is one row of Qlik's API: the method of Client with the same
// name sends it.
type Operation struct {
	ID     string // the document's operationId, such as reloadApp
	Method string
	Path   string // below /api/v1, parameters in braces
	Class  Class

	// Idempotent says that a repeat leaves the tenant as one call does, so that
	// the call may be made again when its answer was lost.
	Idempotent bool

	// Slow says that the call lasts as long as the app is large; it is given
	// Config.SlowTimeout.
	Slow bool

	// CloudPath is the path that the live service uses where it is not Path.
	CloudPath string

	cloudOnly bool // the document's dialect has no such call
}

// Operations lists all operations of Qlik's API document, in its order.
func Operations() []Operation {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []Operation{
		{ID: "getAppsPrivileges", Method: get, Path: "/apps", Class: ClassRead, Idempotent: true, CloudPath: "/apps/privileges"},
		{ID: "createApp", Method: post, Path: "/apps", Class: ClassWrite},
		{ID: "getApp", Method: get, Path: "/apps/{appId}", Class: ClassRead, Idempotent: true},
		{ID: "updateApp", Method: put, Path: "/apps/{appId}", Class: ClassWrite, Idempotent: true},
		{ID: "deleteApp", Method: del, Path: "/apps/{appId}", Class: ClassWrite, Idempotent: true},
		{ID: "copyApp", Method: post, Path: "/apps/{appId}/copy", Class: ClassWrite, Slow: true},
		{ID: "exportApp", Method: post, Path: "/apps/{appId}/export", Class: ClassWrite, Idempotent: true, Slow: true},
		{ID: "importApp", Method: post, Path: "/apps/import", Class: ClassWrite, Slow: true},
		{ID: "publishApp", Method: post, Path: "/apps/{appId}/publish", Class: ClassWrite, Slow: true},
		{ID: "republishApp", Method: put, Path: "/apps/{appId}/publish", Class: ClassWrite, Idempotent: true, Slow: true},
		{ID: "updateAppOwner", Method: put, Path: "/apps/{appId}/owner", Class: ClassWrite, Idempotent: true},
		{ID: "moveAppToSpace", Method: put, Path: "/apps/{appId}/space", Class: ClassWrite, Idempotent: true},
		{ID: "removeAppFromSpace", Method: del, Path: "/apps/{appId}/space", Class: ClassWrite, Idempotent: true},
		{ID: "getAppDataMetadata", Method: get, Path: "/apps/{appId}/data/metadata", Class: ClassRead, Idempotent: true},
		{ID: "getAppDataLineage", Method: get, Path: "/apps/{appId}/data/lineage", Class: ClassRead, Idempotent: true},
		{ID: "getAppScripts", Method: get, Path: "/apps/{appId}/scripts", Class: ClassRead, Idempotent: true},
		{ID: "setAppScript", Method: post, Path: "/apps/{appId}/scripts", Class: ClassWrite},
		{ID: "getAppReloadLogs", Method: get, Path: "/apps/{appId}/reloads/logs", Class: ClassRead, Idempotent: true},
		{ID: "getAppReloadLog", Method: get, Path: "/apps/{appId}/reloads/logs/{reloadId}", Class: ClassRead, Idempotent: true, Slow: true},

		{ID: "listSpaces", Method: get, Path: "/spaces", Class: ClassRead, Idempotent: true},
		{ID: "createSpace", Method: post, Path: "/spaces", Class: ClassWrite},
		{ID: "listSpaceTypes", Method: get, Path: "/spaces/types", Class: ClassRead, Idempotent: true},
		{ID: "getSpace", Method: get, Path: "/spaces/{spaceId}", Class: ClassRead, Idempotent: true},
		{ID: "updateSpace", Method: put, Path: "/spaces/{spaceId}", Class: ClassWrite, Idempotent: true},
		{ID: "patchSpace", Method: patch, Path: "/spaces/{spaceId}", Class: ClassWrite, Idempotent: true},
		{ID: "deleteSpace", Method: del, Path: "/spaces/{spaceId}", Class: ClassWrite, Idempotent: true},
		{ID: "listSpaceAssignments", Method: get, Path: "/spaces/{spaceId}/assignments", Class: ClassRead, Idempotent: true},
		{ID: "createSpaceAssignment", Method: post, Path: "/spaces/{spaceId}/assignments", Class: ClassWrite},
		{ID: "getSpaceAssignment", Method: get, Path: "/spaces/{spaceId}/assignments/{assignmentId}", Class: ClassRead, Idempotent: true},
		{ID: "updateSpaceAssignment", Method: put, Path: "/spaces/{spaceId}/assignments/{assignmentId}", Class: ClassWrite, Idempotent: true},
		{ID: "deleteSpaceAssignment", Method: del, Path: "/spaces/{spaceId}/assignments/{assignmentId}", Class: ClassWrite, Idempotent: true},

		{ID: "listReloads", Method: get, Path: "/reloads", Class: ClassRead, Idempotent: true},
		{ID: "reloadApp", Method: post, Path: "/reloads", Class: ClassReload},
		{ID: "getReload", Method: get, Path: "/reloads/{reloadId}", Class: ClassRead, Idempotent: true},
		{ID: "cancelReload", Method: post, Path: "/reloads/{reloadId}/actions/cancel", Class: ClassReload, Idempotent: true},
	}
}

// beyond lists what the client needs of the live service outside the document.
func beyond() []Operation {
	const get, post, patch = http.MethodGet, http.MethodPost, http.MethodPatch
	return []Operation{
		{ID: "getMe", Method: get, Path: "/users/me", Class: ClassRead, Idempotent: true, cloudOnly: true},
		{ID: "listItems", Method: get, Path: "/items", Class: ClassRead, Idempotent: true, cloudOnly: true},
		{ID: "getAppScript", Method: get, Path: "/apps/{appId}/scripts/{scriptId}", Class: ClassRead, Idempotent: true, cloudOnly: true},
		{ID: "getWebhooks", Method: get, Path: "/webhooks", Class: ClassRead, Idempotent: true, cloudOnly: true},
		{ID: "createWebhook", Method: post, Path: "/webhooks", Class: ClassWrite, cloudOnly: true},
		{ID: "patchWebhook", Method: patch, Path: "/webhooks/{webhookId}", Class: ClassWrite, Idempotent: true, cloudOnly: true},
		{ID: "getWebhookDeliveries", Method: get, Path: "/webhooks/{webhookId}/deliveries", Class: ClassRead, Idempotent: true, cloudOnly: true},
		{ID: "resendWebhookDelivery", Method: post, Path: "/webhooks/{webhookId}/deliveries/{deliveryId}/actions/resend", Class: ClassWrite, cloudOnly: true},
		{ID: "download", Method: get, Path: "/", Class: ClassRead, Idempotent: true, Slow: true},
	}
}
