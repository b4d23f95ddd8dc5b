package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// runsOf lets the ingress show the runs that a source caused, and no others.
func runsOf(ledger *bridge.Ledger, journal *events.Journal, index func() *bridge.Index) ingress.Runs {
	return ingress.Runs{
		ID: func(ctx context.Context, sequence uint64, tenant string) (string, error) {
			created, err := journal.Created(ctx)
			if err != nil {
				return "", err
			}
			restored, err := ledger.Restoration(ctx)
			if err != nil {
				return "", err
			}
			return bridge.RunID(restored.Journal(created, sequence), sequence, tenant, rules.DirectRule), nil
		},
		Caused: func(ctx context.Context, tenant, rule string, sequence uint64) (string, error) {
			id, err := index().Caused(ctx, tenant, rule, sequence)
			if errors.Is(err, bridge.ErrNoRun) {
				return "", ingress.ErrNoRun
			}
			return id, err
		},
		Show: func(ctx context.Context, source, id string) (any, bool, error) {
			run, err := ledger.Run(ctx, id)
			if errors.Is(err, bridge.ErrNoRun) || err == nil && !causedBy(run, source) {
				return nil, false, ingress.ErrNoRun
			}
			if err != nil {
				return nil, false, err
			}
			view := console.NewRun(run)
			view.Expect(index(), time.Now())
			return view, run.State.Ended(), nil
		},
	}
}

// causedBy says whether any event of a source is among a run's causes. Only the
// source of direct runs causes those, also where an older record names no source.
func causedBy(run *bridge.Run, source string) bool {
	return slices.Contains(run.Causes.Sources, source) || source == ingress.RunsSource && run.Rule == rules.DirectRule
}
