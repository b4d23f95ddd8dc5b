package qlik

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// ErrTooLong is given by the reader of a log once it is longer than
// Config.MaxLog.
var ErrTooLong = errors.New("log is longer than allowed")

// A ReloadLog tells about the log of one reload.
type ReloadLog struct {
	ID          string        `json:"id"` // the reload's
	CreatedDate time.Time     `json:"createdDate,omitzero"`
	Success     bool          `json:"success"`
	Duration    time.Duration `json:"-"`
}

// UnmarshalJSON reads an entry in either dialect.
func (l *ReloadLog) UnmarshalJSON(b []byte) error {
	var wire struct {
		ID          string  `json:"id"`
		ReloadID    string  `json:"reloadId"`
		CreatedDate instant `json:"createdDate"`
		EndTime     instant `json:"endTime"`
		Success     bool    `json:"success"`
		Duration    float64 `json:"duration"` // milliseconds
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*l = ReloadLog{wire.ID, time.Time(wire.CreatedDate), wire.Success, time.Duration(wire.Duration * float64(time.Millisecond))}
	if l.ID == "" {
		l.ID = wire.ReloadID
	}
	if l.CreatedDate.IsZero() {
		l.CreatedDate = time.Time(wire.EndTime)
	}
	return nil
}

// GetAppReloadLogs lists the logs of an app's reloads, in Qlik's order.
func (c *Client) GetAppReloadLogs(ctx context.Context, appID string) ([]ReloadLog, error) {
	var out array[ReloadLog]
	err := c.do(ctx, call{op: "getAppReloadLogs", path: []string{appID}}, &out)
	return out, err
}

// GetAppReloadLog fetches the log of one reload. The caller reads and closes it
// within Config.SlowTimeout; beyond Config.MaxLog bytes, reading ends with
// ErrTooLong.
func (c *Client) GetAppReloadLog(ctx context.Context, appID, reloadID string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, call{op: "getAppReloadLog", path: []string{appID, reloadID}})
	if err != nil {
		return nil, err
	}
	return &capped{resp.Body, c.maxLog}, nil
}

// A capped reader gives an error, and not a silent end, after so many bytes.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(b []byte) (int, error) {
	if int64(len(b)) > c.left+1 {
		b = b[:c.left+1]
	}
	n, err := c.ReadCloser.Read(b)
	if int64(n) > c.left {
		n, err = int(c.left), ErrTooLong
	}
	c.left -= int64(n)
	return n, err
}
