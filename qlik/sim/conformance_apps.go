package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/qlikgateway/gateway/qlik"
)

// appChecks are the checks of the chapter on apps.
func (s *Suite) appChecks() []Check {
	return []Check{
		{"getAppsPrivileges", s.getAppsPrivileges},
		{"createApp", s.createApp},
		{"getApp", s.getApp},
		{"updateApp", s.updateApp},
		{"deleteApp", s.deleteApp},
		{"copyApp", s.copyApp},
		{"exportApp", s.exportApp},
		{"importApp", s.importApp},
		{"publishApp", s.publishApp},
		{"republishApp", s.republishApp},
		{"updateAppOwner", s.updateAppOwner},
		{"moveAppToSpace", s.moveAppToSpace},
		{"removeAppFromSpace", s.removeAppFromSpace},
		{"getAppDataMetadata", s.getAppDataMetadata},
		{"getAppDataLineage", s.getAppDataLineage},
		{"getAppScripts", s.getAppScripts},
		{"setAppScript", s.setAppScript},
		{"getAppReloadLogs", s.getAppReloadLogs},
		{"getAppReloadLog", s.getAppReloadLog},
	}
}

func (s *Suite) getAppsPrivileges(ctx context.Context) error {
	_, err := s.client.GetAppsPrivileges(ctx)
	return err
}

func (s *Suite) createApp(ctx context.Context) error {
	space, err := s.space(ctx, &s.shared, qlik.SpaceShared)
	if err != nil {
		return err
	}
	name := s.name("created")
	made, err := s.client.CreateApp(ctx, qlik.AppCreate{Name: name, SpaceID: space, Description: "Made by a test"})
	if err != nil {
		return err
	}
	s.apps = append(s.apps, made.ID)
	return expect(map[string]bool{
		"name": made.Name == name, "description": made.Description == "Made by a test", "published": made.PublishTime.IsZero(),
		"createdDate": !made.CreatedDate.IsZero(),
	})
}

func (s *Suite) getApp(ctx context.Context) error {
	app, _, err := s.reload(ctx)
	if err != nil {
		return err
	}
	got, err := s.client.GetApp(ctx, app.ID)
	if err != nil {
		return err
	}
	if err := expect(map[string]bool{
		"id": got.ID == app.ID, "name": got.Name == app.Name, "lastReloadTime": !got.LastReloadTime.IsZero(),
	}); err != nil {
		return err
	}
	_, err = s.client.GetApp(ctx, noApp)
	return wantMissing(err)
}

func (s *Suite) updateApp(ctx context.Context) error {
	app, err := s.newApp(ctx, "updated", quickScript)
	if err != nil {
		return err
	}
	name, description := s.name("renamed"), "Changed by a test"
	got, err := s.client.UpdateApp(ctx, app.ID, qlik.AppUpdate{Name: name, Description: &description})
	if err != nil {
		return err
	}
	return expect(map[string]bool{"id": got.ID == app.ID, "name": got.Name == name, "description": got.Description == description})
}

func (s *Suite) deleteApp(ctx context.Context) error {
	app, err := s.newApp(ctx, "deleted", quickScript)
	if err != nil {
		return err
	}
	if err := s.client.DeleteApp(ctx, app.ID); err != nil {
		return err
	}
	_, err = s.client.GetApp(ctx, app.ID)
	return wantMissing(err)
}

func (s *Suite) copyApp(ctx context.Context) error {
	app, _, err := s.reload(ctx)
	if err != nil {
		return err
	}
	name := s.name("copied")
	got, err := s.client.CopyApp(ctx, app.ID, qlik.AppCopy{Name: name, SpaceID: s.shared.ID})
	if err != nil {
		return err
	}
	s.apps = append(s.apps, got.ID)
	if err := expect(map[string]bool{"id": got.ID != app.ID, "name": got.Name == name}); err != nil {
		return err
	}
	_, err = s.client.CopyApp(ctx, noApp, qlik.AppCopy{})
	return wantMissing(err)
}

// exported gives an app's file.
func (s *Suite) exported(ctx context.Context) ([]byte, error) {
	app, _, err := s.reload(ctx)
	if err != nil {
		return nil, err
	}
	path, err := s.client.ExportApp(ctx, app.ID, qlik.AppExport{})
	if err != nil {
		return nil, err
	}
	file, err := s.client.Download(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(file)
}

func (s *Suite) exportApp(ctx context.Context) error {
	content, err := s.exported(ctx)
	if err == nil && len(content) == 0 {
		err = fmt.Errorf("the file is empty")
	}
	return err
}

func (s *Suite) importApp(ctx context.Context) error {
	content, err := s.exported(ctx)
	if err != nil {
		return err
	}
	name := s.name("imported")
	got, err := s.client.ImportApp(ctx, bytes.NewReader(content), qlik.AppImport{Name: name, SpaceID: s.shared.ID, Mode: qlik.ImportNew})
	if err != nil {
		return err
	}
	s.apps = append(s.apps, got.ID)
	return expect(map[string]bool{"name": got.Name == name})
}

// published publishes a new app, and gives it with its source.
func (s *Suite) published(ctx context.Context, what string) (source, published qlik.App, err error) {
	space, err := s.space(ctx, &s.managed, qlik.SpaceManaged)
	if err != nil {
		return source, published, err
	}
	if source, err = s.newApp(ctx, what, quickScript); err != nil {
		return source, published, err
	}
	published, err = s.client.PublishApp(ctx, source.ID, qlik.AppPublish{SpaceID: space, Data: "source", Name: s.name(what + ", published")})
	if err == nil {
		s.apps = append(s.apps, published.ID)
	}
	return source, published, err
}

func (s *Suite) publishApp(ctx context.Context) error {
	source, got, err := s.published(ctx, "publish")
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"id": got.ID != source.ID, "originAppId": got.OriginAppID == source.ID, "publishTime": !got.PublishTime.IsZero(),
		"name": strings.HasPrefix(got.Name, "conformance publish, published"),
	})
}

func (s *Suite) republishApp(ctx context.Context) error {
	source, published, err := s.published(ctx, "republish")
	if err != nil {
		return err
	}
	got, err := s.client.RepublishApp(ctx, source.ID, qlik.AppPublish{SpaceID: s.managed.ID, TargetID: published.ID})
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"id": got.ID == published.ID, "originAppId": got.OriginAppID == source.ID,
		"publishTime": !got.PublishTime.Before(published.PublishTime),
	})
}

func (s *Suite) updateAppOwner(ctx context.Context) error {
	app, err := s.newApp(ctx, "owned", quickScript)
	if err != nil {
		return err
	}
	got, err := s.client.UpdateAppOwner(ctx, app.ID, app.OwnerID)
	if err != nil {
		return err
	}
	return expect(map[string]bool{"ownerId": got.OwnerID == app.OwnerID})
}

// moved makes an app and takes it out of its space.
func (s *Suite) moved(ctx context.Context) (qlik.App, error) {
	app, err := s.newApp(ctx, "moved", quickScript)
	if err != nil {
		return app, err
	}
	return s.client.RemoveAppFromSpace(ctx, app.ID)
}

func (s *Suite) moveAppToSpace(ctx context.Context) error {
	app, err := s.moved(ctx)
	if err != nil {
		return err
	}
	got, err := s.client.MoveAppToSpace(ctx, app.ID, s.shared.ID)
	if err != nil {
		return err
	}
	return expect(map[string]bool{"spaceId": got.SpaceID == s.shared.ID})
}

func (s *Suite) removeAppFromSpace(ctx context.Context) error {
	app, err := s.moved(ctx)
	if err != nil {
		return err
	}
	return expect(map[string]bool{"spaceId": app.SpaceID == ""})
}
