package bridge

import (
	"context"
	"errors"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// reconcile looks for what a lost call has made.
func (w *worker) reconcile(ctx context.Context, report *Report) error {
	switch report.Command.Step.Action {
	case rules.Reload:
		return w.seekReload(ctx, report)
	case rules.Copy:
		return w.seekCopy(ctx, report)
	case rules.Publish:
		return w.seekPublished(ctx, report)
	case rules.Move, rules.Delete:
		return w.seekApp(ctx, report)
	}
	return nil
}

// seekReload lists the app's reloads since the call, all of them: a listing that
// is not complete proves nothing.
func (w *worker) seekReload(ctx context.Context, report *Report) error {
	if err := w.meet(ctx, report); err != nil {
		return err
	}
	since := report.Command.Since.Add(-clockSlack)
	sorted := w.client.Dialect() == qlik.Cloud
	query := qlik.ReloadQuery{AppID: report.Command.Step.Args.App, Limit: 100, Sort: "-creationTime"}
	for reload, err := range w.client.Reloads(ctx, query) {
		if err != nil {
			return err
		}
		if reload.CreationTime.Before(since) {
			if sorted {
				break
			}
			continue
		}
		report.Listed = append(report.Listed, reload)
	}
	return nil
}

// seekCopy looks for the copy by its name and the mark of the attempt, among the apps made
// since the call. The document's dialect has no way to look.
func (w *worker) seekCopy(ctx context.Context, report *Report) error {
	args := report.Command.Step.Args
	if w.client.Dialect() != qlik.Cloud || args.Name == "" {
		report.Sent = false
		return nil
	}
	items, err := w.client.FindByName(ctx, args.Name, args.Space)
	if err != nil {
		return err
	}
	for _, item := range items {
		if !item.CreatedAt.IsZero() && item.CreatedAt.Before(report.Command.Since.Add(-clockSlack)) {
			continue
		}
		app, err := w.client.GetApp(ctx, item.ResourceID)
		var failure *qlik.Error
		if errors.As(err, &failure) && failure.Reason() == qlik.ReasonNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if strings.HasSuffix(app.Description, mark(report.Command.Token)) {
			report.Result = Result{AppID: app.ID, AppName: app.Name}
			return nil
		}
	}
	return nil
}

// seekPublished looks for the app that a lost publish made: in the catalogue or,
// in the document's dialect, by replacing it, which converges.
func (w *worker) seekPublished(ctx context.Context, report *Report) error {
	args := report.Command.Step.Args
	if w.client.Dialect() == qlik.Cloud {
		report.Sent = true
		twins, err := w.client.FindPublished(ctx, args.App, args.Space)
		for _, twin := range twins {
			if !twin.PublishTime.Before(report.Command.Since.Add(-clockSlack)) {
				report.Result = Result{AppID: twin.ResourceID, AppName: twin.Name}
			}
		}
		return err
	}
	app, err := w.client.RepublishApp(ctx, args.App, qlik.AppPublish{SpaceID: args.Space, Name: args.Name, Description: args.Description})
	var failure *qlik.Error
	if errors.As(err, &failure) && failure.Reason() == qlik.ReasonNotFound {
		return nil
	}
	report.Result = Result{AppID: app.ID, AppName: app.Name}
	return err
}
