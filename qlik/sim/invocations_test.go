package sim_test

import (
	"context"
	"strings"

	"github.com/qlikgateway/gateway/qlik"
)

// ids name what a call is about.
type ids struct{ app, published, space, managed, assignment, reload, user string }

// An invocation makes a call of one operation with sound arguments.
type invocation func(ctx context.Context, c *qlik.Client, on ids) error

// only drops the result of a call.
func only[T any](_ T, err error) error { return err }

// invocations has one call for each operation.
func invocations() map[string]invocation {
	text := "changed"
	return map[string]invocation{
		"getAppsPrivileges": func(ctx context.Context, c *qlik.Client, _ ids) error { return only(c.GetAppsPrivileges(ctx)) },
		"createApp": func(ctx context.Context, c *qlik.Client, _ ids) error {
			return only(c.CreateApp(ctx, qlik.AppCreate{Name: "n"}))
		},
		"getApp": func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.GetApp(ctx, on.app)) },
		"updateApp": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.UpdateApp(ctx, on.app, qlik.AppUpdate{Description: &text}))
		},
		"deleteApp": func(ctx context.Context, c *qlik.Client, on ids) error { return c.DeleteApp(ctx, on.app) },
		"copyApp": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.CopyApp(ctx, on.app, qlik.AppCopy{}))
		},
		"exportApp": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.ExportApp(ctx, on.app, qlik.AppExport{}))
		},
		"importApp": func(ctx context.Context, c *qlik.Client, _ ids) error {
			return only(c.ImportApp(ctx, strings.NewReader("junk"), qlik.AppImport{}))
		},
		"publishApp": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.PublishApp(ctx, on.app, qlik.AppPublish{SpaceID: on.managed}))
		},
		"republishApp": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.RepublishApp(ctx, on.app, qlik.AppPublish{SpaceID: on.managed, TargetID: on.published}))
		},
		"updateAppOwner": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.UpdateAppOwner(ctx, on.app, on.user))
		},
		"moveAppToSpace": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.MoveAppToSpace(ctx, on.app, on.space))
		},
		"removeAppFromSpace": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.RemoveAppFromSpace(ctx, on.app))
		},
		"getAppDataMetadata": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.GetAppDataMetadata(ctx, on.app))
		},
		"getAppDataLineage": func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.GetAppDataLineage(ctx, on.app)) },
		"getAppScripts":     func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.GetAppScripts(ctx, on.app)) },
		"setAppScript": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.SetAppScript(ctx, on.app, "LET x = 1;"))
		},
		"getAppReloadLogs": func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.GetAppReloadLogs(ctx, on.app)) },
		"getAppReloadLog": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.GetAppReloadLog(ctx, on.app, on.reload))
		},

		"listSpaces": func(ctx context.Context, c *qlik.Client, _ ids) error {
			return only(c.ListSpaces(ctx, qlik.SpaceQuery{}))
		},
		"createSpace": func(ctx context.Context, c *qlik.Client, _ ids) error {
			return only(c.CreateSpace(ctx, qlik.SpaceCreate{Name: "Workshop", Type: "shared"}))
		},
		"getSpace": func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.GetSpace(ctx, on.space)) },
		"updateSpace": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.UpdateSpace(ctx, on.space, qlik.SpaceUpdate{Description: &text}))
		},
		"patchSpace": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.PatchSpace(ctx, on.space, qlik.JSONPatch{Op: "replace", Path: "/description", Value: "x"}))
		},
		"deleteSpace": func(ctx context.Context, c *qlik.Client, on ids) error { return c.DeleteSpace(ctx, on.space) },
		"listSpaceAssignments": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.ListSpaceAssignments(ctx, on.space, qlik.AssignmentQuery{}))
		},
		"createSpaceAssignment": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.CreateSpaceAssignment(ctx, on.space, qlik.SpaceAssignmentCreate{Type: "user", AssigneeID: on.user, Roles: []string{"consumer"}}))
		},
		"getSpaceAssignment": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.GetSpaceAssignment(ctx, on.space, on.assignment))
		},
		"updateSpaceAssignment": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.UpdateSpaceAssignment(ctx, on.space, on.assignment, "producer"))
		},
		"deleteSpaceAssignment": func(ctx context.Context, c *qlik.Client, on ids) error {
			return c.DeleteSpaceAssignment(ctx, on.space, on.assignment)
		},
		"listSpaceTypes": func(ctx context.Context, c *qlik.Client, _ ids) error { return only(c.ListSpaceTypes(ctx)) },

		"listReloads": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.ListReloads(ctx, qlik.ReloadQuery{AppID: on.app}))
		},
		"reloadApp": func(ctx context.Context, c *qlik.Client, on ids) error {
			return only(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: on.app}))
		},
		"getReload":    func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.GetReload(ctx, on.reload)) },
		"cancelReload": func(ctx context.Context, c *qlik.Client, on ids) error { return only(c.CancelReload(ctx, on.reload)) },
	}
}
