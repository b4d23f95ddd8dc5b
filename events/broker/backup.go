package broker

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// backupFormat is the version of the archive that Backup writes.
const backupFormat = 1

// Entries of a backup, which is a tar archive. A stream is cut into parts, so that
// none has to be held as a whole.
const (
	entryManifest = "backup.json"
	entryComplete = "complete"
	entryStream   = "stream.json"
)

const (
	partBytes = 512 << 10
	stillTry  = 5 // how often the ledger is copied until nothing was written meanwhile
)

// A Manifest says what a backup is of.
type Manifest struct {
	Format       int                  `json:"format"`
	Version      string               `json:"version"` // of the gateway that wrote it
	Installation string               `json:"installation"`
	Prefix       string               `json:"prefix"`
	Taken        time.Time            `json:"taken"`   // the ledger is as it was then
	Journal      uint64               `json:"journal"` // where the journal ended
	Clocks       map[string]time.Time `json:"clocks,omitempty"`
}

// A BackupJob is what a backup needs of those who write to the store.
type BackupJob struct {
	Version string
	Still   func(do func() error) error              // has do done while nobody writes to the ledger
	Clocks  func(now time.Time) map[string]time.Time // now on the clock of each Qlik tenant
}

// Backup writes an archive of the embedded store. The ledger in it is as it was at
// one moment, for which its writers wait; the other streams are at least as they were
// then. Senders need not wait.
func (b *Broker) Backup(ctx context.Context, w io.Writer, job BackupJob) error {
	if b.embedded == nil {
		return errors.New("back up the store: it is on an external NATS server, whose own `nats account backup` does that")
	}
	spool, err := os.CreateTemp(b.cfg.DataDir, "backup-*")
	if err != nil {
		return fmt.Errorf("back up the ledger: %w", err)
	}
	defer func() { _ = spool.Close() }()
	if err := os.Remove(spool.Name()); err != nil {
		return fmt.Errorf("back up the ledger: %w", err)
	}
	ledger := "KV_" + b.names.Ledger
	manifest := Manifest{Format: backupFormat, Version: job.Version, Installation: b.installation, Prefix: b.prefix()}
	var described json.RawMessage
	err = job.Still(func() error {
		in, err := b.state(ctx, b.names.In)
		if err != nil {
			return err
		}
		manifest.Journal, manifest.Taken = in.LastSeq, time.Now()
		manifest.Clocks = job.Clocks(manifest.Taken)
		described, err = b.copyStill(ctx, ledger, spool)
		return err
	})
	if err != nil {
		return fmt.Errorf("back up the ledger: %w", err)
	}
	archive := archiver{w: tar.NewWriter(w), now: manifest.Taken}
	if err := errors.Join(archive.json(entryManifest, manifest), archive.put(ledger+"/"+entryStream, described)); err != nil {
		return err
	}
	if err := archive.parts(ledger, spool); err != nil {
		return err
	}
	for _, name := range []string{b.names.In, b.names.Unmatched, b.names.Out, b.names.Dead, b.names.Callbacks} {
		n := 0
		_, err := b.snapshot(ctx, name, func(described json.RawMessage) error {
			return archive.put(name+"/"+entryStream, described)
		}, func(part []byte) error {
			n++
			return archive.put(fmt.Sprintf("%s/%08d", name, n), part)
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(archive.put(entryComplete, nil), archive.w.Close())
}

// prefix is what the names of streams and buckets begin with.
func (b *Broker) prefix() string { return strings.TrimSuffix(b.names.In, "_IN") }

// state returns how much a stream holds, and how far it has come.
func (b *Broker) state(ctx context.Context, name string) (jetstream.StreamState, error) {
	stream, err := b.js.Stream(ctx, name)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("look up stream %s: %w", name, err)
	}
	return stream.CachedInfo().State, nil
}

// copyStill copies a stream to a file, again when something was written meanwhile.
// The server copies block by block, which is one moment only if nothing was.
func (b *Broker) copyStill(ctx context.Context, name string, file *os.File) (described json.RawMessage, err error) {
	for range stillTry {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		if err := file.Truncate(0); err != nil {
			return nil, err
		}
		before, err := b.snapshot(ctx, name, func(text json.RawMessage) error {
			described = text
			return nil
		}, func(part []byte) error {
			_, err := file.Write(part)
			return err
		})
		if err != nil {
			return nil, err
		}
		after, err := b.state(ctx, name)
		if err != nil {
			return nil, err
		}
		if after.LastSeq == before {
			_, err := file.Seek(0, io.SeekStart)
			return described, err
		}
	}
	return nil, fmt.Errorf("%s was written to during each of %d copies; try again", name, stillTry)
}

// snapshot asks the server for a copy of a stream and hands on what describes it and
// then its parts. It returns where the stream ended when the copy began.
func (b *Broker) snapshot(ctx context.Context, name string, head func(json.RawMessage) error, part func([]byte) error) (uint64, error) {
	inbox := b.conn.NewInbox()
	parts, err := b.conn.SubscribeSync(inbox)
	if err != nil {
		return 0, fmt.Errorf("copy stream %s: %w", name, err)
	}
	defer func() { _ = parts.Unsubscribe() }()
	request := fmt.Sprintf(`{"deliver_subject":%q,"no_consumers":true,"chunk_size":%d}`, inbox, partBytes)
	answer, err := b.conn.RequestWithContext(ctx, "$JS.API.STREAM.SNAPSHOT."+name, []byte(request))
	if err != nil {
		return 0, fmt.Errorf("copy stream %s: %w", name, err)
	}
	var described struct {
		Error  *jetstream.APIError   `json:"error,omitempty"`
		Config json.RawMessage       `json:"config"`
		State  jetstream.StreamState `json:"state"`
	}
	if err := json.Unmarshal(answer.Data, &described); err != nil {
		return 0, fmt.Errorf("copy stream %s: %w", name, err)
	}
	if described.Error != nil {
		return 0, fmt.Errorf("copy stream %s: %w", name, described.Error)
	}
	text, err := json.Marshal(described) // what the server wants to know of it again
	if err != nil {
		return 0, fmt.Errorf("copy stream %s: %w", name, err)
	}
	if err := head(text); err != nil {
		return 0, err
	}
	for {
		msg, err := parts.NextMsgWithContext(ctx)
		if err != nil {
			return 0, fmt.Errorf("copy stream %s: %w", name, err)
		}
		if len(msg.Data) == 0 {
			if status := msg.Header.Get("Status"); status != "" && status != "204" {
				return 0, fmt.Errorf("copy stream %s: %s %s", name, status, msg.Header.Get("Description"))
			}
			return described.State.LastSeq, nil
		}
		if err := part(msg.Data); err != nil {
			return 0, fmt.Errorf("copy stream %s: %w", name, err)
		}
		if msg.Reply != "" {
			if err := b.conn.PublishMsg(&nats.Msg{Subject: msg.Reply}); err != nil {
				return 0, fmt.Errorf("copy stream %s: %w", name, err)
			}
		}
	}
}

// An archiver writes the entries of a backup.
type archiver struct {
	w   *tar.Writer
	now time.Time
}

func (a archiver) put(name string, data []byte) error {
	header := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: a.now}
	if err := a.w.WriteHeader(header); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if _, err := a.w.Write(data); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

func (a archiver) json(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return a.put(name, data)
}

// parts cuts a file into entries of a stream.
func (a archiver) parts(stream string, file io.Reader) error {
	part := make([]byte, partBytes)
	for n := 1; ; n++ {
		size, err := io.ReadFull(file, part)
		if size > 0 {
			if err := a.put(fmt.Sprintf("%s/%08d", stream, n), part[:size]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("write backup: %w", err)
		}
	}
}
