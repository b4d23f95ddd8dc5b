// Package console shows operators what the gateway does: health, metrics and the
// runs, on a listener of its own that senders never see.
package console

//go:generate go -C ../.ci/tools tool templ generate -log-level warn -path ../../console

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
)

// Config is what the console shows.
type Config struct {
	Ledger    *bridge.Ledger
	Journal   *events.Journal
	Desk      *bridge.Desk      // where orders are given
	Replayer  bridge.Replayer   // its dead letters are shown too
	Publisher *events.Publisher // tells of every change
	Stream    jetstream.JetStream
	Out       string                                                   // stream of outcomes
	Setup     func() *Setup                                            // the configuration in force
	Holder    func(ctx context.Context, tenant string) (string, error) // who works for a tenant; "" = nobody
	Tokens    []Token                                                  // none = whoever comes from this machine may do everything
	Metrics   prometheus.Gatherer
	Told      *events.Subscriptions       // who is told of outcomes over HTTP
	Ready     func(context.Context) error // nil while webhooks can be taken; Qlik's health is no part of it
	// ReloadLog reads the log of a reload from Qlik.
	ReloadLog func(ctx context.Context, tenant, app, reload string) (io.ReadCloser, error)
	Indexed   int // most runs that lists know; 0 = bridge.DefaultIndexed
	Version   string
	Backup    func(ctx context.Context, w io.Writer) error // writes an archive of the store; nil = it is not ours to back up
	Dial      *Dial                                        // how much is logged; nil = that is fixed
	Routes    func(method, path string)                    // told of every route; nil = nobody asks
	Log       zerolog.Logger
}

// answerLimit bounds how long an answer may take to be made.
const answerLimit = 10 * time.Second

// A Console answers operators. Its Run keeps what it shows up to date.
type Console struct {
	Config
	index    *bridge.Index
	tail     *tail
	statuses statuses
	lately   glance
	seal     []byte // signs the cookies of those who signed in
	nudged   chan struct{}
	watchers crowd[struct{}] // open pages
	handler  http.Handler
}

// New returns a console. It answers from the start and is complete once Run works.
func New(cfg Config) *Console {
	c := &Console{
		Config: cfg, tail: &tail{js: cfg.Stream, stream: cfg.Out}, nudged: make(chan struct{}, 1), seal: []byte(rand.Text()),
	}
	c.index = bridge.NewIndex(cfg.Ledger, cmp.Or(cfg.Indexed, bridge.DefaultIndexed), c.nudge)
	c.handler = c.routes()
	return c
}

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Index returns what the console knows of every run.
func (c *Console) Index() *bridge.Index { return c.index }

// Run follows the ledger and the outcomes until ctx ends, and ends every stream
// then, so that a server can shut down.
func (c *Console) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { c.tail.run(ctx) })
	parts.Go(func() { c.tellChanges(ctx) })
	err := c.index.Run(ctx)
	parts.Wait()
	return err
}

// routes returns the console's handler.
//
//	GET /healthz            200 while the process lives
//	GET /readyz             200 while events can be stored, else 503 and why
//	GET /metrics            Prometheus
//	GET /openapi.json       what the API promises
//	    /api/v1/...         the API; see there
//	GET /...                pages
func (c *Console) routes() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.Use(gin.CustomRecovery(func(g *gin.Context, fault any) {
		c.Log.Error().Interface("fault", fault).Str("path", g.FullPath()).Msg("console: internal error")
		problem(g, http.StatusInternalServerError, "internal error; see the gateway's log")
	}))
	router.NoRoute(func(g *gin.Context) {
		problem(g, http.StatusNotFound, "nothing is here: the pages begin at /, and /openapi.json describes the API")
	})
	router.NoMethod(func(g *gin.Context) { problem(g, http.StatusMethodNotAllowed, "this is not done to what is here") })
	router.GET("/healthz", func(g *gin.Context) { g.JSON(http.StatusOK, gin.H{"status": "ok", "version": c.Version}) })
	router.GET("/readyz", c.readyz)
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{})))
	router.GET("/openapi.json", c.openAPI)
	c.routeAPI(router.Group("/api/v1", c.admit(Viewer)))
	c.routeDebug(router)
	c.routePages(router.Group("/", pageHeaders))
	if c.Routes != nil {
		for _, route := range router.Routes() {
			c.Routes(route.Method, route.Path)
		}
	}
	return router
}

// routeAPI serves the API.
func (c *Console) routeAPI(api *gin.RouterGroup) {
	change := func(action string, do gin.HandlerFunc) []gin.HandlerFunc {
		return []gin.HandlerFunc{c.admit(Operator), sameSite, c.audit(action), do}
	}
	c.routeViews(api)
	api.GET("/runs", c.listRuns)
	api.GET("/runs/:id", c.showRun)
	api.GET("/runs/:id/log", c.admit(Operator), c.reloadLog)
	api.POST("/runs/:id/resolve", change("resolveRun", c.resolveRun)...)
	api.POST("/runs/:id/retry", change("retryRun", c.retryRun)...)
	api.POST("/runs/:id/cancel", change("cancelRun", c.cancelRun)...)
	c.routePauses(api, change)
	c.routeDead(api, change)
	c.routeSubscriptions(api, change)
	c.routeLevel(api, change)
	api.POST("/backup", change("backUp", c.backUp)...)
}

func (cfg Config) readyz(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	if err := cfg.Ready(ctx); err != nil {
		c.JSON(http.StatusServiceUnavailable, gin.H{"status": "not ready", "error": err.Error()})
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
}

func (c *Console) listRuns(g *gin.Context) {
	query, err := c.runQuery(g)
	if err != nil {
		problem(g, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	runs, err := c.index.Full(ctx, query)
	if err != nil {
		c.unavailable(g, err)
		return
	}
	list, setup, waits := RunList{Data: make([]Run, len(runs))}, c.Setup(), c.waiting(ctx)
	for i, run := range runs {
		list.Data[i] = NewRun(run)
		list.Data[i].name(setup)
		if !run.State.Ended() {
			list.Data[i].Waits = waits(run.Tenant, run.ID)
		}
	}
	if len(runs) == query.Limit {
		list.Next = runs[len(runs)-1].ID
	}
	g.JSON(http.StatusOK, list)
}

// runQuery reads a listing's filters.
func (cfg Config) runQuery(g *gin.Context) (bridge.RunQuery, error) {
	query := bridge.RunQuery{
		Tenant: g.Query("tenant"), Rule: g.Query("rule"), App: cfg.Setup().appID(g.Query("app")), Before: g.Query("before"),
		State: bridge.RunState(g.Query("state")), Reason: events.Reason(g.Query("reason")), Limit: 100,
	}
	var err error
	if query.Limit, err = limitOf(g, query.Limit, 1000); err != nil {
		return query, err
	}
	if query.State != "" && !query.State.Known() {
		return query, errors.New("state: expected gathering, ready, running, held, succeeded, failed, canceled or expired")
	}
	if query.Reason != "" && !slices.Contains(events.Reasons(), query.Reason) {
		return query, errors.New("reason: expected one of the list in docs/events.md, such as reload_failed")
	}
	return query, nil
}

// limitOf reads how many things are wanted.
func limitOf(c *gin.Context, fallback, most int) (int, error) {
	text := c.Query("limit")
	if text == "" {
		return fallback, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > most {
		return fallback, fmt.Errorf("limit: expected a whole number from 1 to %d", most)
	}
	return limit, nil
}

// showRun answers with a run and what happened to it.
func (c *Console) showRun(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	run, err := c.Ledger.Run(ctx, g.Param("id"))
	switch {
	case errors.Is(err, bridge.ErrNoRun):
		problem(g, http.StatusNotFound, noRun)
	case err != nil:
		c.unavailable(g, err)
	default:
		view := NewRun(run)
		view.name(c.Setup())
		view.Expect(c.index, time.Now())
		view.Waits = c.waits(ctx, run)
		causes, _ := c.causes(ctx, run)
		view.Timeline, view.TraceID = timeline(c.Setup(), run, causes, c.toldOf(run)), traceID(run)
		g.JSON(http.StatusOK, view)
	}
}

func (cfg Config) unavailable(c *gin.Context, err error) {
	cfg.Log.Error().Err(err).Str("path", c.FullPath()).Msg("console: cannot read the ledger")
	c.Header("Retry-After", "2")
	problem(c, http.StatusServiceUnavailable, "the ledger cannot be read now; try again in a moment")
}

// problem answers with an RFC 9457 problem.
func problem(c *gin.Context, status int, detail string) {
	c.Header("Content-Type", "application/problem+json")
	c.AbortWithStatusJSON(status, gin.H{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}
