package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// shownCauses is how many events of a run its page shows with their bodies.
const shownCauses = 5

// A runView is what the page of one run shows.
type runView struct {
	Run     Run
	Row     runRow
	Causes  []causeView
	More    int // causes that are not shown with their bodies
	Line    []Hop
	Chart   templ.Component
	Steps   []stepView
	Told    []Told
	Qlik    string // address of the tenant
	Asked   string // an order that was given, or why it was refused
	Refused bool
	TraceID string // of the sender's trace
	Retry   bool   // it ended badly, and can be carried out again
}

// A causeView is an event that a run was carried out for.
type causeView struct {
	Sequence uint64
	ID       string
	Source   string
	Type     string
	At       time.Time // when the journal took it
	Body     string
	Gone     bool // purged from the journal
}

// A stepView is a step with the name of its app and its link at Qlik.
type stepView struct {
	Step
	AppName string
	Link    string
}

func (c *Console) runPage(g *gin.Context) { c.showRunPage(g, "", false) }

// showRunPage shows a run, and what became of an order.
func (c *Console) showRunPage(g *gin.Context, asked string, refused bool) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	run, err := c.Ledger.Run(ctx, g.Param("id"))
	switch {
	case errors.Is(err, bridge.ErrNoRun):
		c.sorry(g, http.StatusNotFound, "No run has this id. Ended runs are kept for seven days.")
		return
	case err != nil:
		c.Log.Error().Err(err).Str("path", g.FullPath()).Msg("console: cannot read the ledger")
		c.sorry(g, http.StatusServiceUnavailable, "The ledger cannot be read now. Try again in a moment.")
		return
	}
	setup, now := c.Setup(), time.Now()
	view := runView{Run: NewRun(run), Qlik: setup.urlOf(run.Tenant), Asked: asked, Refused: refused}
	for _, s := range c.index.List(bridge.RunQuery{Tenant: run.Tenant, Before: run.ID + "~", Limit: 1}) {
		if s.ID == run.ID {
			view.Row = row(setup, now, s)
		}
	}
	view.Run.Waits, view.TraceID = c.waits(ctx, run), traceID(run)
	view.Retry = run.State.Ended() && run.State != bridge.RunSucceeded
	view.Causes, view.More = c.causes(ctx, run)
	view.Told = c.toldOf(run)
	view.Line = timeline(setup, run, view.Causes, view.Told)
	view.Chart = spansChart(spans(run, now))
	for _, step := range view.Run.Steps {
		shown := stepView{Step: step, AppName: appIn(setup, run, step.App)}
		if step.App != "" && view.Qlik != "" {
			shown.Link = view.Qlik + "/sense/app/" + step.App
		}
		view.Steps = append(view.Steps, shown)
	}
	c.show(g, page{Title: "Run of " + run.Rule, At: "/runs", Live: !run.State.Ended(), Own: view.own})
}

// toldOf returns the outcomes of a run that are among the newest.
func (c *Console) toldOf(run *bridge.Run) []Told {
	return c.tail.after(0, func(told Told) bool { return told.Run == run.ID })
}

// traceID returns the id of the sender's trace, "" when it sent none.
func traceID(run *bridge.Run) string {
	if parts := strings.Split(run.Trace, "-"); len(parts) == 4 {
		return parts[1]
	}
	return ""
}

// causes reads the first few events of a run.
func (c *Console) causes(ctx context.Context, run *bridge.Run) (shown []causeView, more int) {
	sequences := run.Causes.Sequences()
	for i, sequence := range sequences[:min(len(sequences), shownCauses)] {
		cause := causeView{Sequence: sequence, Gone: true}
		if i < len(run.Causes.Head) {
			cause.ID = run.Causes.Head[i]
		}
		if entry, err := c.Journal.Entry(ctx, sequence); err == nil {
			cause = causeOf(entry)
		}
		shown = append(shown, cause)
	}
	return shown, max(0, run.Causes.Count-len(shown))
}

func causeOf(entry events.Entry) causeView {
	return causeView{
		Sequence: entry.Sequence, Source: entry.Source, At: entry.Time, ID: entry.Event.ID(), Type: entry.Event.Type(),
		Body: pretty(entry.Event.Data()),
	}
}

// pretty returns a body for people: JSON with indents, other text as it is.
func pretty(body []byte) string {
	const most = 16 << 10
	var value any
	if json.Unmarshal(body, &value) == nil {
		if text, err := json.MarshalIndent(value, "", "  "); err == nil {
			body = text
		}
	}
	if !utf8.Valid(body) {
		return "(not text)"
	}
	if len(body) > most {
		return string([]rune(string(body[:most]))) + "\n… (cut)"
	}
	return string(body)
}

// spans are the times of a run that its chart shows.
func spans(run *bridge.Run, now time.Time) []bar {
	end := now
	if !run.Ended.IsZero() {
		end = run.Ended
	}
	first := end
	for i := range run.Steps {
		if attempts := run.Steps[i].Attempts; len(attempts) > 0 && attempts[0].CalledAt.Before(first) {
			first = attempts[0].CalledAt
		}
	}
	bars := []bar{{Label: "waiting", Look: "calm", From: run.Opened, To: first}}
	for i := range run.Steps {
		step, plan := &run.Steps[i], run.Plan.Steps[i]
		if len(step.Attempts) == 0 {
			continue
		}
		from, to := step.Attempts[0].CalledAt, step.Ended
		if to.IsZero() {
			to = end
		}
		bars = append(bars, bar{Label: plan.Name, Look: look(string(step.State)), From: from, To: to})
		if r := step.Result; plan.Action == rules.Reload && !r.Began.IsZero() && !r.Finished.IsZero() {
			bars = append(bars, bar{Label: "· Qlik reloads", Look: look(string(step.State)), From: r.Began, To: r.Finished})
		}
	}
	return bars
}

// cancelFromPage stops a run for good, as its page asks for it.
func (c *Console) cancelFromPage(g *gin.Context) {
	c.orderFromPage(g, bridge.Order{Op: bridge.OpCancel})
}

// retryFromPage brings the events of a run that ended badly back.
func (c *Console) retryFromPage(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	summary, err := c.retry(ctx, g)
	if err != nil {
		c.showRunPage(g, err.Error(), true)
		return
	}
	c.showRunPage(g, fmt.Sprintf("%s of this run replayed, by the rules in force; the newest runs are under Runs.", plural(summary.Replayed, "event", "events")), false)
}

// resolveFromPage says how the unknown step of a held run ended, as its page asks for it.
func (c *Console) resolveFromPage(g *gin.Context) {
	c.orderFromPage(g, bridge.Order{Op: bridge.OpResolve, As: g.PostForm("as"), App: g.PostForm("app")})
}

// orderFromPage gives an order and goes back to the run's page, which says why it was
// refused, if it was.
func (c *Console) orderFromPage(g *gin.Context, order bridge.Order) {
	if err := c.give(g, order); err != nil {
		deedOf(g).failed = err
		c.showRunPage(g, err.Error(), true)
		return
	}
	g.Redirect(http.StatusSeeOther, "/runs/"+g.Param("id"))
}
