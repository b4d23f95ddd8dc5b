package main

import (
	"context"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// A store is what the gateway keeps on its broker.
type store struct {
	ledger    *bridge.Ledger
	leases    *bridge.Leases
	journal   *events.Journal
	dead      *events.DeadLetters
	publisher *events.Publisher
}

// openStore opens what a broker holds.
func openStore(ctx context.Context, b *broker.Broker) (*store, error) {
	names, js := b.Names(), b.JetStream()
	ledger, err := bridge.OpenLedger(ctx, js, names.Ledger)
	if err != nil {
		return nil, err
	}
	leases, err := bridge.OpenLeases(ctx, js, names.Leases, holder(), leaseTTL)
	if err != nil {
		return nil, err
	}
	return &store{
		ledger: ledger, leases: leases,
		journal: events.NewJournal(js, events.JournalConfig{
			In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject,
			Replicas: b.Replicas(), Unsynced: b.Unsynced(),
		}),
		dead:      events.NewDeadLetters(js, names.Dead, names.DeadSubject),
		publisher: events.NewPublisher(js, events.PublisherConfig{Subject: names.OutSubject, CallbackSubject: names.CallbackSubject, Binary: b.Binary()}),
	}, nil
}
