package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// keepAlive is how often a stream says that it still works.
const keepAlive = 20 * time.Second

// stream begins a stream of server-sent events.
func stream(g *gin.Context) {
	g.Header("Content-Type", "text/event-stream")
	g.Header("Cache-Control", "no-store")
	g.Header("X-Accel-Buffering", "no")
	g.Status(http.StatusOK)
	_, _ = fmt.Fprint(g.Writer, "retry: 2000\n\n") // a reader that is gone ends the request's context
	g.Writer.Flush()
}

// send writes one server-sent event. Lines of its data are told one by one.
func send(g *gin.Context, id uint64, event string, data []byte) error {
	var out bytes.Buffer
	if id > 0 {
		fmt.Fprintf(&out, "id: %d\n", id)
	}
	if event != "" {
		fmt.Fprintf(&out, "event: %s\n", event)
	}
	for line := range bytes.Lines(data) {
		fmt.Fprintf(&out, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	out.WriteByte('\n')
	_, err := g.Writer.Write(out.Bytes())
	g.Writer.Flush()
	return err
}

// liveChanges tells an open page that something changed, so that it asks again.
func (c *Console) liveChanges(g *gin.Context) {
	heard, leave := c.watchers.join(1)
	defer leave()
	stream(g)
	for {
		select {
		case <-g.Request.Context().Done():
			return
		case _, open := <-heard:
			if !open || send(g, 0, "changed", []byte("changed")) != nil {
				return
			}
		}
	}
}

// outcomes streams outcomes until the reader is gone: first those it missed, when
// it says up to where it has read.
func (c *Console) outcomes(g *gin.Context, chosen func(Told) bool, write func(Told) error) {
	heard, leave := c.tail.crowd.join(256)
	defer leave()
	stream(g)
	var last uint64
	if from, err := strconv.ParseUint(g.GetHeader("Last-Event-ID"), 10, 64); err == nil {
		last = from
		for _, told := range c.tail.after(from, chosen) {
			if write(told) != nil {
				return
			}
			last = told.Sequence
		}
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		select {
		case <-g.Request.Context().Done():
			return
		case <-alive.C:
			if _, err := g.Writer.WriteString(": still here\n\n"); err != nil {
				return
			}
			g.Writer.Flush()
		case told, open := <-heard:
			if !open || chosen(told) && told.Sequence > last && write(told) != nil {
				return
			}
		}
	}
}

// chosen reads a stream's filters.
func chosen(g *gin.Context) func(Told) bool {
	tenant, kind, run, id := g.Query("tenant"), g.Query("type"), g.Query("run"), g.Query("id")
	return func(told Told) bool {
		return (tenant == "" || told.Tenant == tenant) && (run == "" || told.Run == run) && (id == "" || told.id == id) &&
			(kind == "" || told.Type == kind || strings.HasSuffix(told.Type, "."+kind) || told.Short() == kind)
	}
}

// streamEvents is the API's stream of outcomes.
func (c *Console) streamEvents(g *gin.Context) {
	c.outcomes(g, chosen(g), func(told Told) error {
		data, err := json.Marshal(told)
		if err != nil {
			return err
		}
		return send(g, told.Sequence, "outcome", data)
	})
}

// liveEvents streams outcomes as rows of the page of events.
func (c *Console) liveEvents(g *gin.Context) {
	c.outcomes(g, chosen(g), func(told Told) error {
		row, err := render(g, toldRow(told))
		if err != nil {
			return err
		}
		return send(g, told.Sequence, "outcome", row)
	})
}

// An eventsView is what the page of events shows.
type eventsView struct {
	Told    []Told // the newest first
	Type    string
	Types   []string
	Stream  string // address of the live rows
	Tenants []string
	Tenant  string
}

// eventsOnPage is how many outcomes the page begins with.
const eventsOnPage = 100

func (c *Console) eventsPage(g *gin.Context) {
	view := eventsView{Type: g.Query("type"), Tenant: g.Query("tenant"), Stream: "/live/events?" + g.Request.URL.RawQuery, Types: shortTypes()}
	told := c.tail.after(0, chosen(g))
	slices.Reverse(told)
	view.Told = told[:min(len(told), eventsOnPage)]
	for _, tenant := range c.Setup().Tenants {
		view.Tenants = append(view.Tenants, tenant.Name)
	}
	c.show(g, page{Title: "Events", At: "/events", Live: true, Lead: view.lead, Own: view.own})
}
