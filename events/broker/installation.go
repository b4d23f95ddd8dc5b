package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// installationKey is where the journal's metadata says whose it is.
const installationKey = "qlikgateway.installation"

// identify returns the id of this installation: what the configuration, the
// data folder and the store agree on, or a new one where all three are silent.
// It refuses a store that belongs to another installation.
func (b *Broker) identify(ctx context.Context) (string, error) {
	stored, err := b.storedInstallation(ctx)
	if err != nil {
		return "", err
	}
	noted, err := b.notedInstallation()
	if err != nil {
		return "", err
	}
	id := b.cfg.Installation
	if id == "" {
		id = noted
	}
	switch {
	case stored != "" && id != "" && stored != id:
		return "", fmt.Errorf("the streams %s_* belong to installation %q and this is %q: give broker.prefix another value, or use the store of this installation",
			b.prefix(), stored, id)
	case stored != "":
		id = stored
	case noted != "":
		b.log.Warn().Str("installation", noted).Msg("the data folder was in use before, but its store is empty: events and runs kept there are gone")
	case id == "":
		id = strings.ToLower(rand.Text())
	}
	return id, b.noteInstallation(id)
}

// storedInstallation reads the id that the journal carries, "" without one.
func (b *Broker) storedInstallation(ctx context.Context) (string, error) {
	stream, err := b.js.Stream(ctx, b.names.In)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look up stream %s: %w (has the server JetStream, for this account, and its cluster a leader?)", b.names.In, err)
	}
	return stream.CachedInfo().Config.Metadata[installationKey], nil
}

func (b *Broker) installationFile() string { return filepath.Join(b.cfg.DataDir, "installation") }

// notedInstallation reads the id in the data folder of the embedded server.
func (b *Broker) notedInstallation() (string, error) {
	if b.cfg.DataDir == "" {
		return "", nil
	}
	text, err := os.ReadFile(b.installationFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read installation id: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (b *Broker) noteInstallation(id string) error {
	noted, err := b.notedInstallation()
	if err != nil || b.cfg.DataDir == "" || noted == id {
		return err
	}
	if err := os.WriteFile(b.installationFile(), []byte(id+"\n"), 0o600); err != nil {
		return fmt.Errorf("write installation id: %w", err)
	}
	return nil
}
