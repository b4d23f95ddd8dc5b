package broker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// restoreMark is a file in the data folder for as long as a restoration has not
// ended: what is there is not to be worked with.
const restoreMark = "restoring"

// restored refuses a folder with half a backup in it.
func restored(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, restoreMark)); err == nil {
		return fmt.Errorf("the restoration into %s did not end: empty the folder and run `gateway restore` again", folder)
	}
	return nil
}

// ReadManifest reads what a backup is of, and that it is complete.
func ReadManifest(r io.Reader) (Manifest, error) {
	archive := tar.NewReader(r)
	manifest, err := readManifest(archive)
	if err != nil {
		return manifest, err
	}
	for {
		header, err := archive.Next()
		if err != nil {
			return manifest, fmt.Errorf("the backup is not complete: %w", err)
		}
		if header.Name == entryComplete {
			return manifest, nil
		}
	}
}

func readManifest(archive *tar.Reader) (Manifest, error) {
	var manifest Manifest
	header, err := archive.Next()
	if err != nil || header.Name != entryManifest {
		return manifest, errors.Join(errors.New("this is no backup of a gateway"), err)
	}
	if err := json.NewDecoder(archive).Decode(&manifest); err != nil {
		return manifest, fmt.Errorf("read %s: %w", entryManifest, err)
	}
	if manifest.Format > backupFormat {
		return manifest, fmt.Errorf("the backup has format %d and this gateway reads up to %d: use the version that wrote it, %s, or a newer one",
			manifest.Format, backupFormat, manifest.Version)
	}
	return manifest, nil
}

// Restore puts a backup back into the empty folder of an embedded server. Until finish
// has returned nil, nobody can work with what is there. Its errors leave the folder as
// one to be emptied.
func Restore(ctx context.Context, cfg Config, r io.Reader, finish func(Manifest, jetstream.JetStream, Names) error, log zerolog.Logger) (manifest Manifest, err error) {
	if cfg.DataDir == "" {
		return manifest, errors.New("restore: broker.data_dir is not set; an external NATS server has its own `nats account restore`")
	}
	if err := beginRestore(cfg.DataDir); err != nil {
		return manifest, err
	}
	cfg.Listen, cfg.Users, cfg.TLS = "", nil, TLS{}
	b := &Broker{cfg: cfg, names: NamesFor(cfg.Prefix), log: log}
	defer b.shutdown()
	if err := b.connect(ctx); err != nil {
		return manifest, err
	}
	if b.js, err = jetstream.New(b.conn); err != nil {
		return manifest, fmt.Errorf("use JetStream: %w", err)
	}
	if manifest, err = b.restore(ctx, tar.NewReader(r)); err != nil {
		return manifest, err
	}
	if err := b.cut(ctx, manifest.Journal); err != nil {
		return manifest, err
	}
	if err := finish(manifest, b.js, b.names); err != nil {
		return manifest, err
	}
	return manifest, os.Remove(filepath.Join(cfg.DataDir, restoreMark))
}

// SetAside keeps what is in the folder of an embedded server under another name beside it,
// which it returns; "" when nothing was there. It refuses a folder that is in use.
func SetAside(folder string, now time.Time) (kept string, err error) {
	found, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(found) == 0 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("set %s aside: %w", folder, err)
	}
	lock, err := lockDir(folder)
	if err != nil {
		return "", err
	}
	defer lock.release()
	kept = filepath.Clean(folder) + "." + now.UTC().Format("20060102T150405Z")
	if err := os.Rename(folder, kept); err != nil {
		return "", fmt.Errorf("set %s aside: %w (where it is a mount of its own, empty it by hand)", folder, err)
	}
	return kept, nil
}

// beginRestore marks a folder, which has to be empty.
func beginRestore(folder string) error {
	found, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore: %w", err)
	}
	for _, entry := range found {
		if entry.Name() != "lost+found" {
			return fmt.Errorf("restore: %s is not empty: move what is in it away first, or use --aside", folder)
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, restoreMark), nil, 0o600); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// restore reads the archive and makes its streams.
func (b *Broker) restore(ctx context.Context, archive *tar.Reader) (Manifest, error) {
	manifest, err := readManifest(archive)
	if err != nil {
		return manifest, err
	}
	if manifest.Prefix != b.prefix() {
		return manifest, fmt.Errorf("the backup is of broker.prefix %s and the configuration says %s", manifest.Prefix, b.prefix())
	}
	var filling *filling
	for {
		header, err := archive.Next()
		if err != nil {
			return manifest, fmt.Errorf("the backup is not complete: %w", err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return manifest, fmt.Errorf("read backup: %w", err)
		}
		name, entry, _ := strings.Cut(header.Name, "/")
		switch {
		case header.Name == entryComplete:
			return manifest, filling.end(ctx)
		case entry == entryStream:
			if err := filling.end(ctx); err != nil {
				return manifest, err
			}
			if filling, err = b.fill(ctx, name, data); err != nil {
				return manifest, err
			}
		case filling == nil || name != filling.name:
			return manifest, fmt.Errorf("read backup: %s is out of place", header.Name)
		default:
			if err := filling.part(ctx, data); err != nil {
				return manifest, err
			}
		}
	}
}

// A filling is a stream that is being made from its copy.
type filling struct {
	b       *Broker
	name    string
	subject string // its parts go there
	last    uint64 // where it has to end, at the least
}

// fill begins to make a stream from what describes it.
func (b *Broker) fill(ctx context.Context, name string, described []byte) (*filling, error) {
	var of struct{ State jetstream.StreamState }
	if err := json.Unmarshal(described, &of); err != nil {
		return nil, fmt.Errorf("restore stream %s: %w", name, err)
	}
	answer, err := b.conn.RequestWithContext(ctx, "$JS.API.STREAM.RESTORE."+name, described)
	if err != nil {
		return nil, fmt.Errorf("restore stream %s: %w", name, err)
	}
	var where struct {
		Error   *jetstream.APIError `json:"error,omitempty"`
		Subject string              `json:"deliver_subject"`
	}
	if err := json.Unmarshal(answer.Data, &where); err != nil {
		return nil, fmt.Errorf("restore stream %s: %w", name, err)
	}
	if where.Error != nil {
		return nil, fmt.Errorf("restore stream %s: %w", name, where.Error)
	}
	return &filling{b: b, name: name, subject: where.Subject, last: of.State.LastSeq}, nil
}

// partWithin bounds the taking of one part, and of the end: the server reads the
// whole stream again.
const partWithin = 2 * time.Minute

func (f *filling) part(ctx context.Context, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, partWithin)
	defer cancel()
	answer, err := f.b.conn.RequestMsgWithContext(ctx, &nats.Msg{Subject: f.subject, Data: data})
	if err != nil {
		return fmt.Errorf("restore stream %s: %w", f.name, err)
	}
	if text := bytes.TrimSpace(answer.Data); len(text) == 0 {
		return nil
	}
	var said struct {
		Error *jetstream.APIError `json:"error,omitempty"`
	}
	if err := json.Unmarshal(answer.Data, &said); err != nil {
		return fmt.Errorf("restore stream %s: %w", f.name, err)
	}
	if said.Error != nil {
		return fmt.Errorf("restore stream %s: %w", f.name, said.Error)
	}
	return nil
}

// end finishes the stream and holds that nothing of it is missing.
func (f *filling) end(ctx context.Context) error {
	if f == nil {
		return nil
	}
	if err := f.part(ctx, nil); err != nil {
		return err
	}
	state, err := f.b.state(ctx, f.name)
	if err == nil && state.LastSeq < f.last {
		err = fmt.Errorf("restore stream %s: it ends at %d and had come to %d", f.name, state.LastSeq, f.last)
	}
	return err
}

// cut removes the events that came after the backup was taken: the ledger does not
// know what was done about them.
func (b *Broker) cut(ctx context.Context, last uint64) error {
	stream, err := b.js.Stream(ctx, b.names.In)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", b.names.In, err)
	}
	for sequence := last + 1; sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		if err := stream.DeleteMsg(ctx, sequence); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return fmt.Errorf("remove event %d: %w", sequence, err)
		}
	}
	return nil
}
