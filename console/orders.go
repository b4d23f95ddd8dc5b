package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
)

// maxOrder bounds the body of an order.
const maxOrder = 64 << 10

// noRun answers who names a run that is not there, on the command line or by the API.
const noRun = "no run has this id; gateway runs ls and GET /api/v1/runs list them, ended ones for seven days"

// sameSite refuses what a page of another site has a browser send: such a page can
// send neither JSON nor a DELETE without being asked for its origin, and cannot
// hide it.
func sameSite(c *gin.Context) {
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if c.Request.Method != http.MethodDelete && (err != nil || media != "application/json") {
		problem(c, http.StatusUnsupportedMediaType, "send Content-Type: application/json")
		return
	}
	if origin := c.GetHeader("Origin"); origin != "" {
		if page, err := url.Parse(origin); err != nil || page.Host != c.Request.Host {
			problem(c, http.StatusForbidden, "orders are taken from the console's own pages and from programs only")
		}
	}
}

// resolveRun says how the unknown step of a held run ended.
func (c *Console) resolveRun(g *gin.Context) {
	var body struct {
		As  string `json:"as"`
		App string `json:"app"`
	}
	if !read(g, &body) {
		return
	}
	if !slices.Contains([]string{bridge.ResolveSucceeded, bridge.ResolveFailed, bridge.ResolveRetry}, body.As) {
		problem(g, http.StatusBadRequest, "as: expected succeeded, failed or retry")
		return
	}
	c.order(g, bridge.Order{Op: bridge.OpResolve, As: body.As, App: body.App})
}

// cancelRun stops a run for good.
func (c *Console) cancelRun(g *gin.Context) { c.order(g, bridge.Order{Op: bridge.OpCancel}) }

// retryRun brings the events of a run that ended badly back, and answers with what
// came of it.
func (c *Console) retryRun(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	summary, err := c.retry(ctx, g)
	if err != nil {
		c.deadProblem(g, err)
		return
	}
	g.JSON(http.StatusOK, summary)
}

// retry replays the events of the run in the path, as fast as a replay may.
func (c *Console) retry(ctx context.Context, g *gin.Context) (bridge.ReplaySummary, error) {
	query := bridge.ReplayQuery{Run: g.Param("id"), Rate: 1000}
	summary, err := c.Replayer.Replay(ctx, query, func(bridge.Replayed) error { return nil })
	deedOf(g).failed, deedOf(g).note = err, plural(summary.Replayed, "event", "events")+" replayed"
	return summary, err
}

// read decodes an order's body, or answers what is wrong with it.
func read(c *gin.Context, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxOrder))
	if err != nil {
		problem(c, http.StatusRequestEntityTooLarge, "the body is too large for an order")
		return false
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(into); err != nil {
		problem(c, http.StatusBadRequest, "the body is not the JSON object that is expected: "+err.Error())
		return false
	}
	return true
}

// give gives an order about the run in the path to whoever works for its tenant.
func (c *Console) give(g *gin.Context, order bridge.Order) error {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	run, err := c.Ledger.Run(ctx, g.Param("id"))
	if err != nil {
		return err
	}
	order.Run, order.By = run.ID, who(g).String()
	deedOf(g).tenant, deedOf(g).note = run.Tenant, order.As
	return c.Desk.Give(ctx, run.Tenant, order)
}

// order gives an order about the run in the path, and answers with the run as it is then.
func (c *Console) order(g *gin.Context, order bridge.Order) {
	switch err := c.give(g, order); {
	case errors.Is(err, bridge.ErrNoRun):
		problem(g, http.StatusNotFound, noRun)
	case errors.Is(err, bridge.ErrRefused):
		problem(g, http.StatusConflict, err.Error())
	case errors.Is(err, bridge.ErrNobody):
		g.Header("Retry-After", "5")
		problem(g, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		c.unavailable(g, err)
	default:
		c.showRun(g)
	}
}
