// Package console shows operators what the gateway does: health, metrics and the
// runs, on a listener of its own that senders never see.
package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
)

// Config is what the console shows.
type Config struct {
	Ledger   *bridge.Ledger
	Desk     *bridge.Desk    // where orders are given
	Replayer bridge.Replayer // its dead letters are shown too
	Metrics  prometheus.Gatherer
	Ready    func(context.Context) error // nil while webhooks can be taken; Qlik's health is no part of it
	Version  string
	Log      zerolog.Logger
}

// answerLimit bounds how long an answer may take to be made.
const answerLimit = 10 * time.Second

// New returns the console's handler.
//
//	GET /healthz            200 while the process lives
//	GET /readyz             200 while events can be stored, else 503 and why
//	GET /metrics            Prometheus
//	GET /api/v1/runs        ?tenant= &rule= &state= &before=<run id> &limit=1..1000
//	GET /api/v1/runs/{id}   one run with its steps and attempts
//	POST /api/v1/runs/{id}/resolve   {"as": "succeeded|failed|retry", "app": "..."}
//	GET /api/v1/dead        ?before=<sequence> &limit=1..1000
//	GET, DELETE /api/v1/dead/{seq}   one dead letter with its event; drop it
//	POST /api/v1/dead/{seq}/replay   {}
//	POST /api/v1/replay     a bridge.ReplayQuery; answers in lines, see ReplayLine
func New(cfg Config) http.Handler {
	router := gin.New()
	router.HandleMethodNotAllowed = true
	router.Use(gin.CustomRecovery(func(c *gin.Context, fault any) {
		cfg.Log.Error().Interface("fault", fault).Str("path", c.FullPath()).Msg("console: internal error")
		problem(c, http.StatusInternalServerError, "internal error; see the gateway's log")
	}))
	router.NoRoute(func(c *gin.Context) { problem(c, http.StatusNotFound, "nothing is here; try /api/v1/runs") })
	router.NoMethod(func(c *gin.Context) {
		problem(c, http.StatusMethodNotAllowed, "this path does not take "+c.Request.Method)
	})
	router.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok", "version": cfg.Version}) })
	router.GET("/readyz", cfg.readyz)
	router.GET("/metrics", gin.WrapH(promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{})))
	router.GET("/api/v1/runs", cfg.listRuns)
	router.GET("/api/v1/runs/:id", cfg.showRun)
	router.POST("/api/v1/runs/:id/resolve", sameSite, cfg.resolveRun)
	cfg.routeDead(router.Group("/api/v1"), sameSite)
	return router
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

func (cfg Config) listRuns(c *gin.Context) {
	query, err := runQuery(c)
	if err != nil {
		problem(c, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	runs, err := cfg.Ledger.Runs(ctx, query)
	if err != nil {
		cfg.unavailable(c, err)
		return
	}
	list := RunList{Data: make([]Run, len(runs))}
	for i, run := range runs {
		list.Data[i] = NewRun(run)
	}
	if len(runs) == query.Limit {
		list.Next = runs[len(runs)-1].ID
	}
	c.JSON(http.StatusOK, list)
}

// runQuery reads a listing's filters.
func runQuery(c *gin.Context) (bridge.RunQuery, error) {
	query := bridge.RunQuery{
		Tenant: c.Query("tenant"), Rule: c.Query("rule"), Before: c.Query("before"),
		State: bridge.RunState(c.Query("state")), Limit: 100,
	}
	if text := c.Query("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > 1000 {
			return query, errors.New("limit: expected a whole number from 1 to 1000")
		}
		query.Limit = limit
	}
	if query.State != "" && !query.State.Known() {
		return query, errors.New("state: expected gathering, ready, running, held, succeeded, failed, canceled or expired")
	}
	return query, nil
}

func (cfg Config) showRun(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	run, err := cfg.Ledger.Run(ctx, c.Param("id"))
	switch {
	case errors.Is(err, bridge.ErrNoRun):
		problem(c, http.StatusNotFound, "no run has this id; /api/v1/runs lists them, ended ones for seven days")
	case err != nil:
		cfg.unavailable(c, err)
	default:
		c.JSON(http.StatusOK, NewRun(run))
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
