package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// streamsFolder is where the embedded server keeps streams, within the data folder.
const streamsFolder = "jetstream"

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

// readinessOf tells Prometheus whether events can be taken now.
func readinessOf(s *session) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "qlik_gateway_ready_ratio", Help: "1 while events can be stored, as /readyz says.",
	}, func() float64 {
		if s.ready(context.Background()) != nil {
			return 0
		}
		return 1
	})
}

// fillOf tells Prometheus how full the journal is: at 1 senders are told to come again.
func fillOf(b *broker.Broker) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "qlik_gateway_journal_used_ratio", Help: "How full the journal is, from 0 to 1; none while the broker does not say.",
	}, func() float64 {
		used, err := b.JournalUsed()
		if err != nil {
			return math.NaN()
		}
		return used
	})
}

// refuseEmpty refuses a data folder in which no gateway has worked. A command on the
// store of a stopped gateway that is given another folder, such as one that is written
// relative to where it was called, would make a store there and find nothing to do.
func refuseEmpty(cfg broker.Config) error {
	if cfg.URL != "" {
		return nil
	}
	folder, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("find broker.data_dir: %w", err)
	}
	if _, err := os.Stat(filepath.Join(folder, streamsFolder)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no gateway has worked in %s: broker.data_dir has to be the folder of the stopped gateway, also as seen from where this command is called", folder)
	}
	return nil
}
