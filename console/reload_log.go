package console

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
)

// mostLog is how much of a reload's log is shown: its end, which says what failed.
const mostLog = 256 << 10

// errNoLog says that a step has no reload whose log could be read.
var errNoLog = errors.New("the run, or the step that is named, has started no reload")

// reloadLog answers with the end of the log of a step's reload, read from Qlik now.
// What looks like a secret in it is left out.
func (c *Console) reloadLog(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	run, err := c.Ledger.Run(ctx, g.Param("id"))
	var text string
	if err == nil {
		text, err = c.readLog(ctx, run, g.Query("step"))
	}
	switch {
	case errors.Is(err, bridge.ErrNoRun):
		problem(g, http.StatusNotFound, noRun)
	case errors.Is(err, errNoLog):
		problem(g, http.StatusNotFound, err.Error())
	case err != nil:
		c.Log.Warn().Err(err).Str("run_id", g.Param("id")).Msg("console: cannot read the reload's log")
		problem(g, http.StatusBadGateway, "Qlik does not give the log: "+err.Error())
	default:
		g.Header("X-Content-Type-Options", "nosniff")
		g.String(http.StatusOK, "%s", text)
	}
}

// readLog reads the log of the reload that a step started; without a name, of the
// last that has one.
func (c *Console) readLog(ctx context.Context, run *bridge.Run, step string) (string, error) {
	for i := len(run.Steps) - 1; i >= 0; i-- {
		plan, reload := run.Plan.Steps[i], run.Steps[i].Result.ReloadID
		if reload == "" || step != "" && step != plan.Name {
			continue
		}
		log, err := c.ReloadLog(ctx, run.Tenant, plan.Args.App, reload)
		if err != nil {
			return "", err
		}
		text, err := bridge.LogEnd(log, mostLog)
		return text, errors.Join(err, log.Close())
	}
	return "", errNoLog
}
