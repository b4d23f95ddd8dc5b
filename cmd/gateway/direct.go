package main

import (
	"context"
	"errors"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// runsOf lets the ingress show the runs that were asked for without a rule, and
// no others.
func runsOf(ledger *bridge.Ledger, journal *events.Journal) ingress.Runs {
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
		Show: func(ctx context.Context, id string) (any, bool, error) {
			run, err := ledger.Run(ctx, id)
			if errors.Is(err, bridge.ErrNoRun) || err == nil && run.Rule != rules.DirectRule {
				return nil, false, ingress.ErrNoRun
			}
			if err != nil {
				return nil, false, err
			}
			return console.NewRun(run), run.State.Ended(), nil
		},
	}
}
