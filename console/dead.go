package console

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
)

// A DeadLetterList is one page of dead letters, the newest first. Their events come
// without data.
type DeadLetterList struct {
	Data []DeadLetter `json:"data"`
	Next uint64       `json:"next,omitempty"` // give it as ?before= for the next page
}

// A DeadLetter is an event that could not be taken to an end, as the API shows it.
type DeadLetter struct {
	Sequence uint64        `json:"sequence"`
	Time     time.Time     `json:"time"` // when it became one
	Tenant   string        `json:"tenant"`
	Source   string        `json:"source"`
	Rule     string        `json:"rule,omitempty"` // none when it is the event itself
	Reason   events.Reason `json:"reason"`
	Hop      string        `json:"hop"`
	Hint     string        `json:"hint,omitempty"`
	Attempts int           `json:"attempts,omitempty"`
	Journal  uint64        `json:"journal_sequence"`
	Event    *Event        `json:"event,omitempty"` // none when it cannot be decoded
	Body     string        `json:"body,omitempty"`  // of one that cannot be decoded; what is not UTF-8 is left out
}

// An Event is a CloudEvent as the API shows it.
type Event struct {
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Type        string            `json:"type"`
	Subject     string            `json:"subject,omitempty"`
	Time        time.Time         `json:"time,omitzero"`
	ContentType string            `json:"datacontenttype,omitempty"`
	Extensions  map[string]string `json:"extensions,omitempty"`
	Data        json.RawMessage   `json:"data,omitempty"`        // as received, or its text as a string
	DataBase64  string            `json:"data_base64,omitempty"` // of data that is no text
}

// newDeadLetter returns a letter without its event's data.
func newDeadLetter(letter events.DeadLetter) DeadLetter {
	entry := letter.Entry
	view := DeadLetter{
		Sequence: letter.Sequence, Time: letter.Time, Tenant: entry.Tenant, Source: entry.Source, Rule: letter.Rule,
		Reason: letter.Reason, Hop: letter.Hop, Hint: letter.Hint, Attempts: letter.Attempts, Journal: entry.Sequence,
	}
	if entry.Err != nil {
		return view
	}
	event := entry.Event
	view.Event = &Event{
		ID: event.ID(), Source: event.Source(), Type: event.Type(), Subject: event.Subject(), Time: event.Time(),
		ContentType: event.DataContentType(), Extensions: map[string]string{},
	}
	for name, value := range event.Extensions() {
		if text, err := types.Format(value); err == nil {
			view.Event.Extensions[name] = text
		}
	}
	return view
}

// withData adds what the sender sent.
func (d DeadLetter) withData(letter events.DeadLetter) DeadLetter {
	if d.Event == nil {
		if utf8.Valid(letter.Entry.Body) {
			d.Body = string(letter.Entry.Body)
		}
		return d
	}
	switch data := letter.Entry.Event.Data(); {
	case len(data) == 0:
	case json.Valid(data):
		d.Event.Data = data
	case utf8.Valid(data):
		d.Event.Data, _ = json.Marshal(string(data)) // a string always encodes
	default:
		d.Event.DataBase64 = base64.StdEncoding.EncodeToString(data)
	}
	return d
}

// routeDead serves dead letters and replays; change guards what changes something.
func (cfg Config) routeDead(api *gin.RouterGroup, change guard) {
	api.GET("/dead", cfg.listDead)
	api.GET("/dead/:seq", cfg.showDead)
	api.DELETE("/dead/:seq", change("dropDeadLetter", cfg.dropDead)...)
	api.POST("/dead/:seq/replay", change("replayDeadLetter", cfg.replayDead)...)
	api.POST("/replay", change("replay", cfg.replay)...)
}

// listDead lists dead letters: ?before=<sequence> &limit=1..1000.
func (cfg Config) listDead(c *gin.Context) {
	limit, err := limitOf(c, 100, 1000)
	if err != nil {
		problem(c, http.StatusBadRequest, err.Error())
		return
	}
	before := uint64(0)
	if text := c.Query("before"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 64); err != nil || before == 0 {
			problem(c, http.StatusBadRequest, "before: expected the sequence of a dead letter")
			return
		}
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	letters, err := cfg.Replayer.Dead.List(ctx, before, limit)
	if err != nil {
		cfg.deadProblem(c, err)
		return
	}
	list := DeadLetterList{Data: make([]DeadLetter, len(letters))}
	for i, letter := range letters {
		list.Data[i] = newDeadLetter(letter)
	}
	if len(letters) == limit {
		list.Next = letters[limit-1].Sequence
	}
	c.JSON(http.StatusOK, list)
}

func (cfg Config) showDead(c *gin.Context) { cfg.answerDead(c, cfg.Replayer.Dead.Get) }

func (cfg Config) dropDead(c *gin.Context) { cfg.answerDead(c, cfg.Replayer.Dead.Drop) }

// answerDead answers with the dead letter that was asked for, after something was
// done with it.
func (cfg Config) answerDead(c *gin.Context, do func(context.Context, uint64) (events.DeadLetter, error)) {
	sequence, ok := sequenceOf(c)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	letter, err := do(ctx, sequence)
	if err != nil {
		cfg.deadProblem(c, err)
		return
	}
	deedOf(c).tenant = letter.Entry.Tenant
	c.JSON(http.StatusOK, newDeadLetter(letter).withData(letter))
}

// replayDead replays one dead letter and answers with what became of it.
func (cfg Config) replayDead(c *gin.Context) {
	sequence, ok := sequenceOf(c)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	told, err := cfg.Replayer.Letter(ctx, sequence)
	if err != nil {
		cfg.deadProblem(c, err)
		return
	}
	deedOf(c).tenant, deedOf(c).note = told.Tenant, told.Result
	c.JSON(http.StatusOK, told)
}

// sequenceOf reads the sequence in the path, or answers that there is none.
func sequenceOf(c *gin.Context) (uint64, bool) {
	sequence, err := strconv.ParseUint(c.Param("seq"), 10, 64)
	if err != nil {
		problem(c, http.StatusBadRequest, "the sequence of a dead letter is a whole number; gateway dead ls and GET /api/v1/dead list them")
	}
	return sequence, err == nil
}

// deadProblem answers what went wrong with a dead letter or a replay.
func (cfg Config) deadProblem(c *gin.Context, err error) {
	switch {
	case errors.Is(err, events.ErrNoDeadLetter):
		problem(c, http.StatusNotFound, "no dead letter has this sequence; gateway dead ls and GET /api/v1/dead list them, for thirty days")
	case errors.Is(err, bridge.ErrNoRun):
		problem(c, http.StatusNotFound, noRun)
	case errors.Is(err, bridge.ErrRefused):
		problem(c, http.StatusConflict, err.Error())
	default:
		cfg.Log.Error().Err(err).Str("path", c.FullPath()).Msg("console: the broker did not do it")
		c.Header("Retry-After", "2")
		problem(c, http.StatusServiceUnavailable, "the store does not answer now; try again in a moment")
	}
}
