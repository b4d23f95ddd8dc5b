package bridge

import (
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
