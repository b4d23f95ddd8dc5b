package ingress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/rs/zerolog"
)

// Limits of the server that faces senders.
const (
	ReadHeaderTimeout = 5 * time.Second
	ReadTimeout       = 15 * time.Second // header and body
	WriteTimeout      = 30 * time.Second // from the header's end to the answer's
	IdleTimeout       = 60 * time.Second
	MaxHeaderBytes    = 32 << 10
)

// bodyAhead is how much room a body gets by what was announced: what was sent alone
// gives it more.
const bodyAhead = 8 << 10

// NewServer returns an HTTP server for a handler that faces the open Internet, with
// this package's limits set. Its address is the caller's to set; its errors are
// sampled, so that a flood does not fill the log.
func NewServer(handler http.Handler, out zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		ErrorLog:          log.New(sampled(out), "", 0),
	}
}

// Handler returns the routes for senders: POST /hooks/{source} and POST /events.
func (in *Ingress) Handler() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false // Qlik and others take a redirect for an error
	if err := engine.SetTrustedProxies(nil); err != nil {
		return nil, fmt.Errorf("trust no proxy: %w", err)
	}
	engine.Use(func(c *gin.Context) {
		if refused := in.crowded(c.Request); refused != nil {
			in.turnAway(c, refused)
			c.Abort()
		}
	})
	engine.POST("/hooks/:source", func(c *gin.Context) { in.serve(c, c.Param("source"), false) })
	engine.POST("/v1/runs", func(c *gin.Context) { in.serve(c, RunsSource, false) })
	engine.GET("/v1/runs/:id", func(c *gin.Context) { in.showRun(c, c.Param("id")) })
	engine.POST("/events", func(c *gin.Context) { in.serve(c, EventsSource, true) })
	engine.OPTIONS("/hooks/:source", func(c *gin.Context) { in.welcome(c, c.Param("source")) })
	engine.OPTIONS("/events", func(c *gin.Context) { in.welcome(c, EventsSource) })
	engine.NoRoute(func(c *gin.Context) {
		in.turnAway(c, refusef(Unknown, "nothing is served at this path: send to /hooks/{source} or /events; the console has a listener of its own, console.addr"))
	})
	engine.NoMethod(func(c *gin.Context) {
		c.Header("Allow", http.MethodPost) // OPTIONS is only for the handshake
		in.turnAway(c, refusef(WrongMethod, "only POST is understood here"))
	})
	return engine, nil
}

// turnAway answers a request that was not sent to a source.
func (in *Ingress) turnAway(c *gin.Context, r *refusal) {
	d := delivery{via: "http", source: noSource, from: in.addressOf(c.Request).String(), began: time.Now()}
	d.end(nil, r)
	in.reply(c, &d)
}

// serve carries one HTTP delivery from its first byte to its answer.
func (in *Ingress) serve(c *gin.Context, name string, eventsOnly bool) {
	d := delivery{via: "http", source: noSource, from: in.addressOf(c.Request).String(), began: time.Now()}
	defer func() {
		if cause := recover(); cause != nil {
			in.config.Log.Error().Str("source", d.source).Bytes("stack", debug.Stack()).Msgf("panic: %v", cause)
			d.end(nil, errors.New("a panic, logged with its stack"))
		}
		in.reply(c, &d)
	}()
	live, s := in.source(name)
	if s == nil || s.proof == nil {
		d.end(nil, noSuchSource())
		return
	}
	d.source = name
	share := &share{body: c.Request.Body, of: in, source: s}
	defer share.free()
	m, err := in.receive(c, s, share)
	d.bytes = len(m.body)
	if err != nil {
		d.end(nil, err)
		return
	}
	if d.wait, err = waitOf(c.Query("wait")); err != nil {
		d.end(nil, err)
		return
	}
	m.eventsOnly = eventsOnly
	if greeted, err := in.greet(c.Request.Context(), s, m); err != nil {
		d.end(nil, err)
		return
	} else if greeted != nil {
		d.greeted, d.result = greeted, Greeted
		return
	}
	arrivals, err := s.read(m)
	if err != nil {
		d.end(nil, err)
		return
	}
	if c.GetHeader(headerDryRun) != "" {
		tried, err := in.try(live, s, arrivals)
		d.end(nil, err)
		if err == nil {
			d.greeted, d.result = tried, Greeted
		}
		return
	}
	d.batch = s.several(m)
	d.end(in.admit(c.Request.Context(), live, s, arrivals, d.began))
	share.free() // who waits needs its body no longer
	in.awaitHTTP(c, &d)
}

// receive reads a request's body and proves its sender.
func (in *Ingress) receive(c *gin.Context, s *source, body io.ReadCloser) (message, error) {
	r := c.Request
	m := message{header: r.Header, arrived: time.Now()}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		c.Header("Accept-Encoding", "identity")
		return m, refusef(Unsupported, "Content-Encoding %.40q is not read: send the body uncompressed", encoding)
	}
	standard(r.Header)
	shown := in.evidenceOf(r, m.arrived)
	if err := s.proof.glance(shown); err != nil {
		return m, s.unproven(err)
	}
	if r.ContentLength > in.config.MaxBody {
		return m, in.tooLarge()
	}
	var read bytes.Buffer
	read.Grow(int(min(max(r.ContentLength, 0), bodyAhead)) + bytes.MinRead)
	_, err := read.ReadFrom(http.MaxBytesReader(c.Writer, body, in.config.MaxBody))
	switch {
	case errors.Is(err, errBusy):
		return m, refuse(Busy, err)
	case errors.As(err, new(*http.MaxBytesError)):
		return m, in.tooLarge()
	case err != nil:
		return m, &refusal{result: Slow, err: fmt.Errorf("read body: %w", err), detail: "the body did not come whole and in time: send it again"}
	}
	m.body = read.Bytes()
	shown.body = m.body
	if err := s.proof.prove(r.Context(), shown); err != nil {
		return m, s.unproven(err)
	}
	return m, nil
}

// evidenceOf returns what a request shows of its sender but for the body.
func (in *Ingress) evidenceOf(r *http.Request, now time.Time) *evidence {
	e := &evidence{header: r.Header, address: in.addressOf(r), now: now, outside: in.outside}
	if r.URL.RawQuery != "" {
		e.query = r.URL.Query()
	}
	if r.TLS != nil {
		e.certificates = r.TLS.PeerCertificates
	}
	return e
}

// A share is what one delivery takes of the memory that all may take. It counts
// what was sent, not what was announced, so that a connection that only hangs
// takes nothing from honest senders.
type share struct {
	body   io.ReadCloser
	of     *Ingress
	source *source
	taken  int64
}

func (s *share) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	s.taken += int64(n)
	all, own := s.of.held.Add(int64(n)), s.source.held.Add(int64(n))
	if all > s.of.config.MaxHeld || own > max(s.of.config.MaxHeld/sourcePart, s.of.config.MaxBody) {
		return n, errBusy
	}
	return n, err
}

// Close closes the request's body.
func (s *share) Close() error { return s.body.Close() }

// free gives the share back; once more does nothing.
func (s *share) free() {
	s.of.held.Add(-s.taken)
	s.source.held.Add(-s.taken)
	s.taken = 0
}

// noSuchSource refuses a delivery to a name that is none of a source over HTTP.
func noSuchSource() *refusal {
	return refusef(Unknown, "no source of this name is configured for HTTP: compare the path with the gateway's `sources`")
}

func (in *Ingress) tooLarge() *refusal {
	return refusef(TooLarge, "the body is larger than %d bytes: send less, such as a link to the data", in.config.MaxBody)
}

func (s *source) unproven(err error) *refusal {
	if errors.Is(err, errKeys) {
		return &refusal{result: NoKeys, err: err, detail: "the gateway cannot fetch what it needs to judge this proof: send it again"}
	}
	return &refusal{result: Unproven, err: err, challenge: s.proof.challenge()}
}

// reply sends a delivery's answer and records it.
func (in *Ingress) reply(c *gin.Context, d *delivery) {
	in.record(d)
	if d.refusal != nil {
		if d.refusal.challenge != "" {
			c.Header("WWW-Authenticate", d.refusal.challenge)
		}
		if wait := max(d.result.retryAfter(), d.refusal.wait); wait > 0 {
			c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		}
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Type", d.mediaType())
	c.JSON(d.result.Status(), d.answer(c.Request.URL.Path))
}
