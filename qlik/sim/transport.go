package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// errCut is what a caller within the process sees of a connection that was cut.
var errCut = fmt.Errorf("connection cut: %w", io.ErrUnexpectedEOF)

// Transport carries requests to the tenant within the process: no sockets, and
// no goroutines, so that it works under testing/synctest. The host of the
// request does not matter.
func (t *Tenant) Transport() http.RoundTripper { return within{t.handler} }

// within is a transport that calls a handler.
type within struct{ handler http.Handler }

// RoundTrip calls the handler and gives what it wrote.
func (w within) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	r := req.Clone(req.Context())
	r.RequestURI = req.URL.RequestURI()
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := &recorder{header: http.Header{}}
	if err := rec.record(w.handler, r); err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return rec.response(req), nil
}

// A recorder keeps what a handler writes.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// record runs the handler; one that cuts the connection gives an error.
func (r *recorder) record(h http.Handler, req *http.Request) (err error) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			err = errCut
		default:
			panic(cause)
		}
	}()
	h.ServeHTTP(r, req)
	return nil
}

// response gives what was recorded as a client sees it.
func (r *recorder) response(req *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.header,
		Body:          io.NopCloser(&r.body),
		ContentLength: int64(r.body.Len()),
		Request:       req,
	}
}
