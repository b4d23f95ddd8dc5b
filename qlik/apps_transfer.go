package qlik

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// AppExport says how to export an app.
type AppExport struct {
	NoData bool // leave the data out
}

// ExportApp writes an app into a file on the tenant and gives the path from
// which Download fetches it, for a while.
func (c *Client) ExportApp(ctx context.Context, appID string, how AppExport) (path string, err error) {
	const op = "exportApp"
	k := call{op: op, path: []string{appID}, body: map[string]bool{"noData": how.NoData}}
	if c.dialect == Cloud {
		k.body, k.query = nil, url.Values{"NoData": {strconv.FormatBool(how.NoData)}}
	}
	resp, err := c.send(ctx, k)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if path = resp.Header.Get("Location"); path != "" {
		return path, nil
	}
	var file struct {
		DownloadPath string `json:"downloadPath"`
	}
	if err := c.read(op, resp, &file); err != nil {
		return "", err
	}
	if file.DownloadPath == "" {
		return "", c.untold(op, fmt.Errorf("read answer: %w: no download path", errUnusable), true)
	}
	return file.DownloadPath, nil
}

// Download fetches what ExportApp has written. The caller reads and closes it
// within Config.SlowTimeout. Paths that lead to another host are refused.
func (c *Client) Download(ctx context.Context, path string) (io.ReadCloser, error) {
	const op = "download"
	target, err := c.follow(op, path)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, call{op: op, link: target})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// How ImportApp treats an app that is there already.
const (
	ImportNew         = "new"
	ImportAutoReplace = "autoreplace"
)

// AppImport says what becomes of an imported file.
type AppImport struct {
	Name    string // default: the name in the file
	SpaceID string // empty: the caller's personal space
	Mode    string // ImportNew or ImportAutoReplace; default: left to Qlik
}

// ImportApp sends an exported file, of whatever size, and gives the app that
// became of it. The file is read as it is sent; it is read a second time, if it
// is an io.Seeker, when an expired token made Qlik refuse the first.
func (c *Client) ImportApp(ctx context.Context, file io.Reader, as AppImport) (App, error) {
	const op = "importApp"
	if err := cmp.Or(checkOneOf(op, "mode", as.Mode, "", ImportNew, ImportAutoReplace), checkLength(op, "name", as.Name)); err != nil {
		return App{}, err
	}
	if file == nil {
		return App{}, invalid(op, "a file is required")
	}
	mode := as.Mode
	if c.dialect == Cloud {
		mode = strings.ToUpper(mode)
	}
	stream := &upload{file: file}
	defer stream.stop()
	return c.app(ctx, call{op: op, stream: stream, query: url.Values{"name": {as.Name}, "spaceId": {as.SpaceID}, "mode": {mode}}})
}

// An upload is a file on its way. net/http may go on reading a request's body
// for a moment after the answer came: an upload lets it no further than an attempt
// lasts, and never closes what belongs to the caller.
type upload struct {
	file    io.Reader
	reading sync.Mutex
	turn    atomic.Int64 // of the attempt that may read
}

// next gives the file to another attempt, and takes it from the one before.
func (u *upload) next() io.Reader { return &turn{u, u.turn.Add(1)} }

func (u *upload) stop() { u.turn.Add(1) }

// rewind goes back to the beginning of the file, if it is one that can.
func (u *upload) rewind() error {
	u.stop()
	s, ok := u.file.(io.Seeker)
	if !ok {
		return fmt.Errorf("seek file: %w", errors.ErrUnsupported)
	}
	u.reading.Lock()
	defer u.reading.Unlock()
	_, err := s.Seek(0, io.SeekStart)
	return err
}

// A turn is an upload as one attempt reads it.
type turn struct {
	of     *upload
	number int64
}

func (t *turn) Read(b []byte) (int, error) {
	t.of.reading.Lock()
	defer t.of.reading.Unlock()
	if t.of.turn.Load() != t.number {
		return 0, http.ErrBodyReadAfterClose
	}
	return t.of.file.Read(b)
}
