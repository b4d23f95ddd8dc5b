package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// Sizes up to which requests are read.
const (
	maxBody   = 1 << 20
	maxImport = 256 << 20
)

// A request is one call on its way through the tenant.
type request struct {
	*http.Request
	op   qlik.Operation
	user *user
	now  time.Time
	body []byte
	call *Call
	hit  Fault // what makes this call go wrong
}

// An answer is what a call gets.
type answer struct {
	status int
	body   any // JSON, unless it is []byte; nil = none
	header http.Header
	late   func() any // gives the body, without the tenant's lock
}

// An operation carries out one call, under the tenant's lock.
type operation func(*request) answer

// routes binds each operation to its method and path.
func (t *Tenant) routes() http.Handler {
	mux := http.NewServeMux()
	operations := t.operations()
	for _, op := range append(qlik.Operations(), t.beyond()...) {
		run, known := operations[op.ID]
		if !known {
			continue
		}
		for _, path := range []string{op.Path, op.CloudPath} {
			switch {
			case op.ID == "oauthToken" && path != "":
				mux.Handle(op.Method+" "+path, t.serve(op, run))
			case path != "":
				mux.Handle(op.Method+" /api/v1"+path, t.serve(op, run))
			}
		}
	}
	mux.Handle("/", t.serve(qlik.Operation{}, func(r *request) answer {
		return t.fail(http.StatusNotFound, "", "No such resource: "+r.Method+" "+r.URL.Path)
	}))
	return mux
}

// serve carries out the calls of one operation.
func (t *Tenant) serve(op qlik.Operation, run operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		limit := int64(maxBody)
		if op.ID == "importApp" {
			limit = maxImport
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, limit))
		r := &request{Request: hr, op: op, body: body}
		a, f := t.handle(r, run, err)
		if a.late != nil {
			a.body = a.late()
		}
		f.wait(hr.Context())
		if f.Drop != "" {
			panic(http.ErrAbortHandler)
		}
		t.write(w, r, a)
	})
}

// handle takes a call through faults, proof and quota to its operation, and
// writes it down.
func (t *Tenant) handle(r *request, run operation, unread error) (answer, Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.now = t.now()
	r.call = &Call{Time: r.now, OperationID: r.op.ID, AppID: r.PathValue("appId"), ReloadID: r.PathValue("reloadId")}
	if r.op.ID == "" {
		r.call.Path = r.Method + " " + r.URL.Path
	}
	t.settle(r.now)
	t.complete(r)
	f := t.strike(r)
	r.hit = f
	var a answer
	switch {
	case f.Drop == DropBefore:
	case f.Status != 0:
		a = f.answer(t)
	case unread != nil:
		a = t.unreadable(unread)
	default:
		a = t.carryOut(r, run)
	}
	r.call.Status = a.status
	t.note(*r.call)
	return a, f
}

// complete fills in which app a call is about, where its path does not tell.
func (t *Tenant) complete(r *request) {
	if known, ok := t.reloads.byID[r.call.ReloadID]; ok && r.call.AppID == "" {
		r.call.AppID = known.appID
	}
	switch r.op.ID {
	case "reloadApp":
		var b struct{ AppID string }
		if json.Unmarshal(r.body, &b) == nil {
			r.call.AppID = b.AppID
		}
	case "listReloads":
		r.call.AppID = r.URL.Query().Get("appId")
	}
}

// carryOut checks who calls, and how often, and runs the operation.
func (t *Tenant) carryOut(r *request, run operation) answer {
	if r.op.ID == "oauthToken" {
		return run(r)
	}
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	proof := t.tokens[key]
	if !bearer || proof == nil || proof.expired(r.now) {
		return t.fail(http.StatusUnauthorized, "", "The bearer token is missing, unknown or expired.")
	}
	r.user = proof.user
	if a, over := t.meter(r); over {
		return a
	}
	if refused := t.checked(r); refused != nil {
		return *refused
	}
	return run(r)
}

// decode reads the body of a request that was held against the document. In the
// live service, bodies about apps come in an envelope.
func (t *Tenant) decode(r *request, into any) {
	if t.cfg.Dialect == qlik.Cloud && (r.op.ID == "createApp" || r.op.ID == "updateApp" || r.op.ID == "copyApp") {
		into = &struct{ Attributes any }{into}
	}
	_ = json.Unmarshal(r.body, into) // what is left out, or of no use, stays empty
}

// path gives the path of a request below the API's root.
func (r *request) path() string { return strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1") }

// unreadable answers a request whose body could not be read.
func (t *Tenant) unreadable(err error) answer {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return t.fail(http.StatusRequestEntityTooLarge, "", fmt.Sprintf("The body is larger than %d bytes.", large.Limit))
	}
	return t.fail(http.StatusBadRequest, "", "The body could not be read.")
}

// write sends an answer.
func (t *Tenant) write(w http.ResponseWriter, r *request, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", r.now.Format(http.TimeFormat))
	raw, isRaw := a.body.([]byte)
	if a.body != nil && !isRaw {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(a.body); err != nil {
			panic(fmt.Sprintf("encode answer of %s: %v", r.op.ID, err))
		}
		raw = bytes.TrimSuffix(text.Bytes(), []byte("\n"))
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(raw) // the caller is gone: nothing is left to tell them
}

// Serve answers the tenant's API and its control plane on a listener until the
// context ends. It takes over the listener.
func Serve(ctx context.Context, l net.Listener, t *Tenant) error {
	mux := http.NewServeMux()
	mux.Handle("/", t.Handler())
	mux.Handle("/_sim/", t.Control())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve tenant: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	defer t.Close()
	err := server.Shutdown(bounded)
	if err != nil {
		err = server.Close()
	}
	<-served //nolint:errcheck // http.ErrServerClosed
	if err != nil {
		return fmt.Errorf("stop tenant: %w", err)
	}
	return nil
}
