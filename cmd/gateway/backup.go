package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

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
				return passBackup(raw(command.OutOrStdout()), response.Body)
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

// passBackup hands a backup on, and says when it was not complete: its writer cannot.
func passBackup(out io.Writer, r io.Reader) error {
	passing := io.TeeReader(r, out)
	if _, err := broker.ReadManifest(passing); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, passing) // what is behind its last entry
	return err
}

// keepBackup writes a backup to a file, which has its name once it is complete.
func keepBackup(path string, r io.Reader) (manifest broker.Manifest, err error) {
	file, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return manifest, fmt.Errorf("write backup: %w", err)
	}
	defer func() {
		_ = file.Close()
		if err != nil {
			_ = os.Remove(path + ".part") // of no use, and large on a disk that may be full
		}
	}()
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
