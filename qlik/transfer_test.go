package qlik_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
)

func TestLogLongerThanAllowedIsAnError(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]error{0: nil, 9: nil, 10: nil, 11: qlik.ErrTooLong, 100_000: qlik.ErrTooLong} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		})
		c, err := qlik.New(qlik.Config{URL: s.URL, APIKey: "k", MaxLog: 10})
		if err != nil {
			t.Fatal(err)
		}
		log, err := c.GetAppReloadLog(t.Context(), "a", "r")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(log)
		if !errors.Is(err, want) || len(text) != min(size, 10) {
			t.Errorf("%d bytes: read %d, %v", size, len(text), err)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestExportIsFoundInBodyOrHeader(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"body": reply(200, `{"downloadPath":"/api/v1/temp-contents/1"}`),
		"header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/api/v1/temp-contents/1")
			w.WriteHeader(201)
		},
	} {
		s := serve(t, answer)
		path, err := client(t, s.URL, qlik.Cloud).ExportApp(t.Context(), "x", qlik.AppExport{})
		if err != nil || path != "/api/v1/temp-contents/1" {
			t.Errorf("%s: %q, %v", name, path, err)
		}
	}
	_, err := client(t, serve(t, reply(200, `{}`)).URL, qlik.Cloud).ExportApp(t.Context(), "x", qlik.AppExport{})
	if e := failed(t, err); e.Status != 0 {
		t.Errorf("without a path: %v", e)
	}
}

// TestRequestThatIsSentAgainHasItsWholeBody: the first one is refused before it was read,
// so some of it may still be on its way.
func TestRequestThatIsSentAgainHasItsWholeBody(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	text := strings.Repeat("x", size)
	for name, send := range map[string]func(c *qlik.Client) error{
		"json": func(c *qlik.Client) error { _, err := c.SetAppScript(t.Context(), "app", text); return err },
		"stream": func(c *qlik.Client) error {
			_, err := c.ImportApp(t.Context(), strings.NewReader(text), qlik.AppImport{})
			return err
		},
	} {
		var refused atomic.Bool
		var got atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/oauth/token"):
				reply(200, `{"access_token":"a-token-of-the-test","expires_in":3600}`)(w, r)
			case refused.CompareAndSwap(false, true):
				reply(401, `{}`)(w, r)
				_ = http.NewResponseController(w).Flush()
			default:
				n, _ := io.Copy(io.Discard, r.Body)
				got.Store(n)
				reply(200, `{"id":"x"}`)(w, r)
			}
		}))
		t.Cleanup(s.Close)
		c, err := qlik.New(qlik.Config{URL: s.URL, Dialect: qlik.OpenAPI, OAuth: qlik.OAuth{ClientID: "id", ClientSecret: "a-secret-of-the-test"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := send(c); err != nil || got.Load() < size {
			t.Errorf("%s: %d bytes came, %v", name, got.Load(), err)
		}
	}
}

// endless is a file without an end.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read.Add(int64(len(b)))
	return len(b), nil
}

func TestImportStreamsAndStopsWhenRefused(t *testing.T) {
	t.Parallel()
	s := &endless{}
	refusing := serve(t, nil)
	refusing.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != -1 {
			t.Errorf("the size is known: %d", r.ContentLength)
		}
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		w.Header().Set("Connection", "close")
		reply(400, `{"errors":[{"title":"no"}]}`)(w, r)
	})
	_, err := client(t, refusing.URL, qlik.OpenAPI).ImportApp(t.Context(), s, qlik.AppImport{})
	if e := failed(t, err); e.Status != 400 && e.Status != 0 {
		t.Errorf("got %v", e)
	}
	if n := s.read.Load(); n < 1<<20 || n > 64<<20 {
		t.Errorf("%d bytes of an endless file were read", n)
	}
}

func TestBrokenFileFailsTheImport(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(200, `{"id":"x"}`))
	broken := io.MultiReader(strings.NewReader("half"), errReader{})
	_, err := client(t, s.URL, qlik.OpenAPI).ImportApp(t.Context(), broken, qlik.AppImport{})
	if e := failed(t, err); e.Status != 0 || !strings.Contains(fmt.Sprint(e), "disk") {
		t.Errorf("got %v", e)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }
