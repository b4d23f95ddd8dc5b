package console

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
)

// A ReplayLine is one line of the answer to a replay: an event, or at the end the
// summary.
type ReplayLine struct {
	Event   *bridge.Replayed      `json:"event,omitempty"`
	Summary *bridge.ReplaySummary `json:"summary,omitempty"`
}

// replay replays what a query chooses and streams a line of JSON for each event.
// It ends when the client goes away.
func (cfg Config) replay(c *gin.Context) {
	var query bridge.ReplayQuery
	if !read(c, &query) {
		return
	}
	if err := query.Check(); err != nil {
		problem(c, http.StatusBadRequest, err.Error())
		return
	}
	begun, done := false, deedOf(c)
	done.idle = query.DryRun
	if query.Run != "" {
		done.action, done.object = "retryRun", "runs/"+url.PathEscape(query.Run) // the same change
	}
	lines := json.NewEncoder(c.Writer)
	write := func(line ReplayLine) error {
		if !begun {
			begun = true
			c.Header("Content-Type", "application/x-ndjson")
			c.Status(http.StatusOK)
		}
		err := lines.Encode(line)
		c.Writer.Flush()
		return err
	}
	summary, err := cfg.Replayer.Replay(c.Request.Context(), query, func(told bridge.Replayed) error {
		return write(ReplayLine{Event: &told})
	})
	cfg.Log.Info().Str("hop", "replay").Str("replay", summary.ID).Int("seen", summary.Seen).Int("replayed", summary.Replayed).
		Bool("dry_run", summary.DryRun).Str("by", who(c).String()).AnErr("ended", err).Msg("an operator replayed events")
	done.failed, done.note = err, plural(summary.Replayed, "event", "events")+" replayed"
	if err != nil && !begun {
		cfg.deadProblem(c, err)
		return
	}
	if err != nil {
		summary.Error = err.Error()
	}
	_ = write(ReplayLine{Summary: &summary}) // whom it does not reach is gone
}
