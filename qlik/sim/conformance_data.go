package sim

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/qlik"
)

func (s *Suite) getAppDataMetadata(ctx context.Context) error {
	app, _, err := s.reload(ctx)
	if err != nil {
		return err
	}
	got, err := s.client.GetAppDataMetadata(ctx, app.ID)
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"tables": slices.ContainsFunc(got.Tables, func(t qlik.DataTable) bool { return t.Name == "Numbers" && t.NoOfRows == 3 }),
		"fields": slices.ContainsFunc(got.Fields, func(f qlik.DataField) bool { return f.Name == "Number" }),
	})
}

func (s *Suite) getAppDataLineage(ctx context.Context) error {
	app, _, err := s.reload(ctx)
	if err != nil {
		return err
	}
	_, err = s.client.GetAppDataLineage(ctx, app.ID)
	return err
}

func (s *Suite) getAppScripts(ctx context.Context) error {
	app, _, err := s.reload(ctx)
	if err != nil {
		return err
	}
	list, err := s.client.GetAppScripts(ctx, app.ID)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no version is listed")
	}
	return err
}

func (s *Suite) setAppScript(ctx context.Context) error {
	app, err := s.newApp(ctx, "scripted", quickScript)
	if err != nil {
		return err
	}
	before, err := s.client.GetAppScripts(ctx, app.ID)
	if err != nil {
		return err
	}
	got, err := s.client.SetAppScript(ctx, app.ID, slowScript)
	if err != nil {
		return err
	}
	after, err := s.client.GetAppScripts(ctx, app.ID)
	if err != nil {
		return err
	}
	return expect(map[string]bool{"script": got.Script == slowScript, "one version more": len(after) == len(before)+1})
}

func (s *Suite) getAppReloadLogs(ctx context.Context) error {
	app, reload, err := s.reload(ctx)
	if err != nil {
		return err
	}
	logs, err := s.client.GetAppReloadLogs(ctx, app.ID)
	if err != nil {
		return err
	}
	return expect(map[string]bool{
		"the reload": slices.ContainsFunc(logs, func(l qlik.ReloadLog) bool { return l.ID == reload.ID && l.Success }),
	})
}

func (s *Suite) getAppReloadLog(ctx context.Context) error {
	app, reload, err := s.reload(ctx)
	if err != nil {
		return err
	}
	log, err := s.client.GetAppReloadLog(ctx, app.ID, reload.ID)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	text, err := io.ReadAll(log)
	if err != nil {
		return err
	}
	return expect(map[string]bool{"the table": strings.Contains(string(text), "Numbers")})
}
