package console

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// backUp answers with an archive of the store. One that fails on the way lacks its
// last entry, which whoever reads it looks for.
func (c *Console) backUp(g *gin.Context) {
	if c.Backup == nil {
		problem(g, http.StatusConflict, "the store is on an external NATS cluster; back that up with its own tools")
		return
	}
	g.Header("Content-Type", "application/x-tar")
	if err := c.Backup(g.Request.Context(), g.Writer); err != nil {
		c.Log.Error().Err(err).Str("hop", "backup").Msg("the backup is not complete")
		if !g.Writer.Written() {
			problem(g, http.StatusServiceUnavailable, err.Error())
		}
		return
	}
	c.Log.Info().Str("hop", "backup").Int("bytes", g.Writer.Size()).Str("by", who(g).String()).Msg("the store was backed up")
}
