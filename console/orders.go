package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
)

// maxOrder bounds the body of an order.
const maxOrder = 64 << 10

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
func (cfg Config) resolveRun(c *gin.Context) {
	var body struct {
		As  string `json:"as"`
		App string `json:"app"`
	}
	if !read(c, &body) {
		return
	}
	cfg.order(c, bridge.Order{Op: bridge.OpResolve, As: body.As, App: body.App})
}

// cancelRun stops a run for good.
func (cfg Config) cancelRun(c *gin.Context) { cfg.order(c, bridge.Order{Op: bridge.OpCancel}) }

// read decodes an order's body, or answers what is wrong with it.
func read(c *gin.Context, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxOrder))
	if err != nil {
		problem(c, http.StatusRequestEntityTooLarge, "the body is too large for an order")
		return false
	}
	if err := json.Unmarshal(body, into); err != nil {
		problem(c, http.StatusBadRequest, "the body is not the JSON object that is expected: "+err.Error())
		return false
	}
	return true
}

// order gives an order about the run in the path, and answers with the run as it is then.
func (cfg Config) order(c *gin.Context, order bridge.Order) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	run, err := cfg.Ledger.Run(ctx, c.Param("id"))
	if err == nil {
		order.Run, order.By = run.ID, who(c).String()
		err = cfg.Desk.Give(ctx, run.Tenant, order)
	}
	switch {
	case errors.Is(err, bridge.ErrNoRun):
		problem(c, http.StatusNotFound, "no run has this id; /api/v1/runs lists them, ended ones for seven days")
	case errors.Is(err, bridge.ErrRefused):
		problem(c, http.StatusConflict, err.Error())
	case errors.Is(err, bridge.ErrNobody):
		c.Header("Retry-After", "5")
		problem(c, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		cfg.unavailable(c, err)
	default:
		cfg.showRun(c)
	}
}
