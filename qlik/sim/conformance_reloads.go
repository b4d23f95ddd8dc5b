package sim

import (
	"context"
	"fmt"

	"github.com/qlikgateway/gateway/qlik"
)

// reloadChecks are the checks of the chapter on reloads.
func (s *Suite) reloadChecks() []Check {
	return []Check{
		{"listReloads", s.listReloads},
		{"reloadApp", s.reloadApp},
		{"getReload", s.getReload},
		{"cancelReload", s.cancelReload},
	}
}

func (s *Suite) listReloads(ctx context.Context) error {
	app, reload, err := s.reload(ctx)
	if err != nil {
		return err
	}
	found := false
	for x, err := range s.client.Reloads(ctx, qlik.ReloadQuery{AppID: app.ID, Limit: 1, Filter: `status eq "SUCCEEDED"`}) {
		if err != nil {
			return err
		}
		if x.AppID != app.ID || x.Status != qlik.ReloadSucceeded {
			return fmt.Errorf("asked for reloads of %s that succeeded, got one of %s that is %s", app.ID, x.AppID, x.Status)
		}
		found = found || x.ID == reload.ID
	}
	if !found {
		return fmt.Errorf("a reload that exists is not listed")
	}
	page, err := s.client.ListReloads(ctx, qlik.ReloadQuery{AppID: app.ID, Filter: `status eq "FAILED"`})
	if err != nil {
		return err
	}
	return expect(map[string]bool{"no reload failed": len(page.Data) == 0})
}

func (s *Suite) reloadApp(ctx context.Context) error {
	app, err := s.newApp(ctx, "reloaded", quickScript)
	if err != nil {
		return err
	}
	started, err := s.client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app.ID, Partial: true})
	if err != nil {
		return err
	}
	if err := expect(map[string]bool{
		"appId": started.AppID == app.ID, "type": started.Type == qlik.TypeExternal, "partial": started.Partial,
		"creationTime": !started.CreationTime.IsZero(),
	}); err != nil {
		return err
	}
	ended, err := s.await(ctx, started.ID)
	if err == nil && ended.Status != qlik.ReloadSucceeded {
		err = fmt.Errorf("the reload ended as %s", ended.Status)
	}
	return err
}

func (s *Suite) getReload(ctx context.Context) error {
	app, reload, err := s.reload(ctx)
	if err != nil {
		return err
	}
	if err := expect(map[string]bool{
		"appId": reload.AppID == app.ID, "status": reload.Status == qlik.ReloadSucceeded, "endTime": !reload.EndTime.IsZero(),
		"startTime": !reload.StartTime.Before(reload.CreationTime), "duration": reload.Duration >= 0,
	}); err != nil {
		return err
	}
	_, err = s.client.GetReload(ctx, noID)
	return wantMissing(err)
}

func (s *Suite) cancelReload(ctx context.Context) error {
	app, err := s.newApp(ctx, "cancelled", slowScript)
	if err != nil {
		return err
	}
	started, err := s.client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app.ID})
	if err != nil {
		return err
	}
	if _, err := s.client.CancelReload(ctx, started.ID); err != nil {
		return err
	}
	ended, err := s.await(ctx, started.ID)
	if err != nil {
		return err
	}
	return expect(map[string]bool{"status": ended.Status == qlik.ReloadCanceled})
}
