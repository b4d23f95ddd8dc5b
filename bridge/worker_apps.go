package bridge

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// assert holds what an app consists of against what the step says of it.
func (w *worker) assert(ctx context.Context, args rules.Args) error {
	metadata, err := w.client.GetAppDataMetadata(ctx, args.App)
	if err != nil {
		return err
	}
	data := rules.Data{
		Tables:     map[string]rules.Table{},
		ReloadTime: time.Duration(metadata.ReloadMeta.CPUTimeSpentMs) * time.Millisecond,
		PeakMemory: metadata.ReloadMeta.PeakMemoryBytes,
	}
	for _, table := range metadata.Tables {
		data.Tables[table.Name] = rules.Table{Rows: table.NoOfRows, Fields: table.NoOfFields, Bytes: table.ByteSize}
	}
	for _, field := range metadata.Fields {
		data.Fields = append(data.Fields, field.Name)
	}
	return rules.Hold(args.That, data)
}

// beside makes a call unless the breaker is open, which its failure does not count for:
// what it asks for is good to have, and no more.
func (w *worker) beside(ctx context.Context, f func(context.Context, *Report) error, report *Report) error {
	var err error
	refused := w.through(ctx, func(ctx context.Context, report *Report) error {
		err = f(ctx, report)
		return nil
	}, report)
	return cmp.Or(refused, err)
}

// readLog reads the end of the log of a reload that ended badly.
func (w *worker) readLog(ctx context.Context, report *Report) error {
	ctx, cancel := context.WithTimeout(ctx, w.limits.Log)
	defer cancel()
	log, err := w.client.GetAppReloadLog(ctx, report.Command.Step.Args.App, report.Command.ReloadID)
	if err != nil {
		return err
	}
	report.Excerpt, err = excerpt(log)
	return errors.Join(err, log.Close())
}

// askName asks what an app is called, and where it is.
func (w *worker) askName(ctx context.Context, report *Report) error {
	app, err := w.client.GetApp(ctx, report.Command.Step.Args.App)
	report.Result, report.Space = Result{AppID: app.ID, AppName: app.Name}, app.SpaceID
	return err
}

// seekApp finds out whether a lost move or delete took effect by looking at the app.
func (w *worker) seekApp(ctx context.Context, report *Report) error {
	args := report.Command.Step.Args
	app, err := w.client.GetApp(ctx, args.App)
	var failure *qlik.Error
	gone := errors.As(err, &failure) && failure.Reason() == qlik.ReasonNotFound
	switch {
	case gone && report.Command.Step.Action == rules.Delete:
		report.Result = Result{AppID: args.App}
		return nil
	case gone:
		return nil // the next call says so itself
	case err == nil && report.Command.Step.Action == rules.Move && app.SpaceID == args.Space:
		report.Result = Result{AppID: app.ID, AppName: app.Name}
	}
	return err
}
