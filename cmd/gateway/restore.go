package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events/broker"
)

// newRestoreCommand returns `gateway restore`.
func newRestoreCommand() *cobra.Command {
	var config, taken string
	var aside bool
	command := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Put a backup back into the data folder of a gateway that is stopped; - is standard input",
		Long: "The folder has to be empty, or with --aside what is in it is kept beside it. Of the configuration only `broker` is needed, and no secrets.\n" +
			"What was called between the backup and now is not in it: every step that was open then counts as called since, so that Qlik is asked\n" +
			"before anything is started. Events accepted after the backup are gone; let their senders send them again.\n\n" +
			"A data folder that was put back by other means, such as the snapshot of a volume, needs the same: --taken TIME instead of FILE says\n" +
			"when it was as it is.",
		Example: "  gateway restore gateway.tar --config gateway.yaml\n  gateway restore - --aside --config gateway.yaml <gateway.tar\n  gateway restore --taken 2026-11-23T06:00:00Z --config gateway.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if (len(args) == 0) == (taken == "") || aside && taken != "" {
				return misused("give either FILE, with --aside or not, or --taken TIME")
			}
			at, err := momentTaken(taken)
			if err != nil {
				return err
			}
			cfg, err := configuredAlone(config, command.ErrOrStderr(), "nothing was done")
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			r := restoration{cfg: cfg, aside: aside, in: command.InOrStdin(), out: command.ErrOrStderr()}
			r.log = newLog(r.out, zerolog.WarnLevel)
			if taken == "" {
				err = r.fromFile(ctx, args[0])
			} else {
				err = r.inPlace(ctx, at)
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
	command.Flags().BoolVar(&aside, "aside", false, "keep what is in the data folder beside it, under its name and the time")
	command.Flags().StringVar(&taken, "taken", "", "the data folder is back already, as it was at this time (RFC 3339)")
	return command
}

// A restoration is under way.
type restoration struct {
	cfg   *config
	in    io.Reader // standard input
	out   io.Writer // for what an operator has to know
	aside bool      // keep what is in the data folder beside it
	log   zerolog.Logger
	taken time.Time
	open  int // runs
}

// file opens a backup. Standard input is read whole first, into a file beside the data
// folder, since nothing is touched before it is known to be complete.
func (r *restoration) file(path string) (*os.File, error) {
	if path != "-" {
		return os.Open(path)
	}
	if r.cfg.Broker.DataDir == "" {
		return nil, errors.New("the store is on an external NATS server")
	}
	folder := filepath.Dir(r.cfg.Broker.DataDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(folder, "restore-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // it stays until it is closed
	if _, err := io.Copy(file, r.in); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, err
}

// fromFile restores a file into the data folder.
func (r *restoration) fromFile(ctx context.Context, path string) error {
	file, err := r.file(path)
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
	if r.aside {
		kept, err := broker.SetAside(r.cfg.Broker.DataDir, time.Now())
		if err != nil {
			return err
		}
		if kept != "" {
			fmt.Fprintf(r.out, "what was in %s is in %s\n", r.cfg.Broker.DataDir, kept) //nolint:errcheck // standard error
		}
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

// momentTaken reads when a data folder was as it is; "" is none.
func momentTaken(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, misused("--taken %q: expected a time such as 2026-11-23T06:00:00Z", text)
	}
	if now := time.Now(); at.After(now) {
		return at, fmt.Errorf("--taken %s: that is yet to come, by this machine's clock, and what was called before it would not be looked for; it is %s", text, now.Format(time.RFC3339))
	}
	return at, nil
}

// inPlace restores a data folder that is there already, as it was at a time.
func (r *restoration) inPlace(ctx context.Context, at time.Time) (err error) {
	if r.cfg.Broker.DataDir == "" {
		return errors.New("--taken: the store is on an external NATS server")
	}
	if err := refuseEmpty(r.cfg.Broker); err != nil {
		return err
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
