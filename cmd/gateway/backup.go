package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events/broker"
)

// backup returns what writes an archive of the session's store.
func (s *session) backup(ledger *bridge.Ledger) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		return s.broker.Backup(ctx, w, broker.BackupJob{
			Version: currentBuild().Version, Still: ledger.Still,
			Clocks: func(now time.Time) map[string]time.Time {
				clocks := map[string]time.Time{}
				for _, dispatcher := range s.dispatchers {
					if at := dispatcher.QlikTime(now); !at.IsZero() {
						clocks[dispatcher.Tenant()] = at
					}
				}
				return clocks
			},
		})
	}
}

// newBackupCommand returns `gateway backup`.
func newBackupCommand() *cobra.Command {
	o := &operator{}
	command := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the store of a running gateway to a file; - is standard output",
		Long: "The gateway goes on working meanwhile; only its writes to the ledger wait while that is copied. The file holds events as they came: keep\n" +
			"it as you keep those. It is put back with `gateway restore`. With an external NATS cluster, use that cluster's own tools.",
		Example: "  gateway backup gateway.tar --server http://127.0.0.1:8081",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			response, err := o.open(ctx, question{path: "/api/v1/backup", order: struct{}{}})
			if err != nil {
				return err
			}
			defer func() { _ = response.Body.Close() }()
			if args[0] == "-" {
				_, err := io.Copy(command.OutOrStdout(), response.Body)
				return err
			}
			manifest, err := keepBackup(args[0], response.Body)
			if err != nil {
				return err
			}
			if o.asJSON {
				return printJSON(command.OutOrStdout(), manifest)
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: the store of %s as it was at %s, %d events\n",
				args[0], manifest.Installation, manifest.Taken.Format(time.RFC3339), manifest.Journal)
			return err
		},
	}
	o.flags(command)
	return command
}

// keepBackup writes a backup to a file, which has its name once it is complete.
func keepBackup(path string, r io.Reader) (manifest broker.Manifest, err error) {
	file, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return manifest, fmt.Errorf("write backup: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(file, r); err != nil {
		return manifest, fmt.Errorf("write backup: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return manifest, fmt.Errorf("read backup: %w", err)
	}
	if manifest, err = broker.ReadManifest(file); err != nil {
		return manifest, err
	}
	if err := errors.Join(file.Sync(), os.Rename(path+".part", path)); err != nil {
		return manifest, fmt.Errorf("write backup: %w", err)
	}
	return manifest, nil
}

// newRestoreCommand returns `gateway restore`.
func newRestoreCommand() *cobra.Command {
	var config, taken string
	command := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Put a backup back into the empty data folder of a gateway that is stopped",
		Long: "What was called between the backup and now is not in it: every step that was open then counts as called since, so that Qlik is asked\n" +
			"before anything is started. Events accepted after the backup are gone; let their senders send them again.\n\n" +
			"A data folder that was put back by other means, such as the snapshot of a volume, needs the same: --taken TIME instead of FILE says\n" +
			"when it was as it is.",
		Example: "  gateway restore gateway.tar --config gateway.yaml\n  gateway restore --taken 2026-11-23T06:00:00Z --config gateway.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			cfg, err := configured(config, command.ErrOrStderr(), "nothing was done")
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			r := restoration{cfg: cfg, log: newLog(command.ErrOrStderr(), zerolog.WarnLevel)}
			switch {
			case len(args) == 1 && taken == "":
				err = r.fromFile(ctx, args[0])
			case len(args) == 0 && taken != "":
				err = r.inPlace(ctx, taken)
			default:
				return errors.New("give either FILE or --taken TIME")
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s is as it was at %s: %s, whose steps are looked for at Qlik before they are called\n",
				cfg.Broker.DataDir, r.taken.Format(time.RFC3339), count(r.open, "open run"))
			return err
		},
	}
	command.Flags().StringVarP(&config, "config", "c", "gateway.yaml", "configuration file of the stopped gateway")
	command.Flags().StringVar(&taken, "taken", "", "the data folder is back already, as it was at this time (RFC 3339)")
	return command
}

// A restoration is under way.
type restoration struct {
	cfg   *config
	log   zerolog.Logger
	taken time.Time
	open  int // runs
}

// fromFile restores a file into the empty data folder.
func (r *restoration) fromFile(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := broker.ReadManifest(file); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	_, err = broker.Restore(ctx, r.cfg.Broker, file, func(m broker.Manifest, js jetstream.JetStream, names broker.Names) error {
		ledger, err := bridge.OpenLedger(ctx, js, names.Ledger)
		if err != nil {
			return err
		}
		return r.doubt(ctx, ledger, bridge.Restoration{Taken: m.Taken, At: time.Now(), Last: m.Journal, Clocks: m.Clocks})
	}, r.log)
	return err
}

// inPlace restores a data folder that is there already.
func (r *restoration) inPlace(ctx context.Context, taken string) (err error) {
	at, err := time.Parse(time.RFC3339, taken)
	if err != nil {
		return fmt.Errorf("--taken %q: expected a time such as 2026-11-23T06:00:00Z", taken)
	}
	if r.cfg.Broker.DataDir == "" {
		return errors.New("--taken: the store is on an external NATS server")
	}
	r.cfg.Broker.Listen, r.cfg.Broker.Users = "", nil // nobody is to come in meanwhile
	b, err := broker.Open(ctx, r.cfg.Broker, r.log)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopListener)
		defer cancel()
		err = errors.Join(err, b.Close(closing))
	}()
	kept, err := openStore(ctx, b)
	if err != nil {
		return err
	}
	in, err := b.JetStream().Stream(ctx, b.Names().In)
	if err != nil {
		return fmt.Errorf("find end of journal: %w", err)
	}
	return r.doubt(ctx, kept.ledger, bridge.Restoration{Taken: at, At: time.Now(), Last: in.CachedInfo().State.LastSeq})
}

func (r *restoration) doubt(ctx context.Context, ledger *bridge.Ledger, from bridge.Restoration) (err error) {
	r.taken = from.Taken
	r.open, err = ledger.Doubt(ctx, from)
	return err
}
