package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
)

//go:embed static/*.js static/*.css static/*.svg
var staticFiles embed.FS

// policy lets pages use what the console itself serves, and nothing else: neither
// scripts nor styles inside of pages.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pageHeaders protects pages from what others put into them and around them.
func pageHeaders(g *gin.Context) {
	header := g.Writer.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}

// routePages serves the pages and what they are made of.
func (c *Console) routePages(site *gin.RouterGroup) {
	site.GET("/static/:file", static)
	site.GET("/login", c.loginPage)
	site.POST("/login", sameOrigin, c.login)
	inside := site.Group("/", c.admit(Viewer))
	inside.GET("/", c.overviewPage)
	inside.GET("/runs", c.runsPage)
	inside.GET("/runs/:id", c.runPage)
	inside.GET("/events", c.eventsPage)
	inside.GET("/rules", c.rulesPage)
	inside.GET("/sources", c.sourcesPage)
	inside.GET("/tenants", c.tenantsPage)
	inside.GET("/dead", c.deadPage)
	change := func(action string, do gin.HandlerFunc) []gin.HandlerFunc {
		return []gin.HandlerFunc{c.admit(Operator), sameOrigin, c.audit(action), do}
	}
	inside.POST("/dead", change("replayDeadLetter", c.replayFromPage)...)
	inside.GET("/live/changes", c.liveChanges)
	inside.GET("/live/events", c.liveEvents)
	inside.POST("/rules", sameOrigin, c.rulesPage)
	inside.POST("/logout", sameOrigin, logout)
	inside.POST("/pauses", change("createPause", c.pauseFromPage)...)
	inside.POST("/pauses/resume", change("deletePause", c.resumeFromPage)...)
	inside.POST("/runs/:id/cancel", change("cancelRun", c.cancelFromPage)...)
	inside.POST("/runs/:id/retry", change("retryRun", c.retryFromPage)...)
	inside.POST("/runs/:id/resolve", change("resolveRun", c.resolveFromPage)...)
}

// static serves a file that never changes under its name, but for the style sheet.
func static(g *gin.Context) {
	name := path.Base(g.Param("file"))
	g.Header("Cache-Control", "no-cache")
	if strings.HasSuffix(name, ".js") {
		g.Header("Cache-Control", "max-age=31536000, immutable")
	}
	http.ServeFileFS(g.Writer, g.Request, staticFiles, "static/"+name)
}

// A page is what every page has, and its own things.
type page struct {
	Title   string
	Status  int    // of the answer; 0 = 200
	At      string // which entry of the menu it is below
	Self    string // its address
	Live    bool   // it changes by itself
	Paused  bool   // it would, but somebody asked it not to
	Other   string // its address with the opposite of Paused
	Who     person
	Locked  bool // who is in has signed in, and can sign out
	May     bool // give orders
	Version string
	Lead    func(page) templ.Component // above Own, and stays while that changes; nil = nothing
	Own     func(page) templ.Component // what this page is for
}

// show answers with a page, or with only the part of it that changes when the page
// itself asks for that.
func (c *Console) show(g *gin.Context, p page) {
	p.Who, p.Version, p.Self = who(g), c.Version, g.Request.URL.RequestURI()
	p.May, p.Locked = p.Who.Role == Operator, len(c.Tokens) > 0
	query := g.Request.URL.Query()
	if p.Live {
		p.Paused = query.Get("live") == "off"
		query.Del("live")
		if !p.Paused {
			query.Set("live", "off")
		}
		p.Other = (&url.URL{Path: g.Request.URL.Path, RawQuery: query.Encode()}).RequestURI()
	}
	part := whole
	g.Header("Vary", "HX-Request")
	if g.GetHeader("HX-Request") != "" && g.Request.Method == http.MethodGet {
		part = p.Own
	}
	text, err := render(g, part(p))
	if err != nil {
		c.Log.Error().Err(err).Str("path", g.FullPath()).Msg("console: cannot make the page")
		problem(g, http.StatusInternalServerError, "the page cannot be made; see the gateway's log")
		return
	}
	g.Data(max(p.Status, http.StatusOK), "text/html; charset=utf-8", text)
}

// render writes a part of a page. That its reader is gone is no error of the page.
func render(g *gin.Context, part templ.Component) ([]byte, error) {
	var out bytes.Buffer
	err := part.Render(context.WithoutCancel(g.Request.Context()), &out)
	return out.Bytes(), err
}

// sorry answers with a page that says why there is no other.
func (c *Console) sorry(g *gin.Context, status int, text string) {
	c.show(g, page{Title: http.StatusText(status), Status: status, Own: func(page) templ.Component { return apology(text) }})
}

// statuses remembers for a moment how dispatchers stand, so that many open pages
// ask them no more often than one does.
type statuses struct {
	mu    sync.Mutex
	known map[string]tenantStatus
}

// A tenantStatus is how a tenant's dispatcher stood, or why that is not known.
type tenantStatus struct {
	bridge.Status
	Err error
	at  time.Time
}

// statusPatience is how long a page waits for a dispatcher that may be gone.
const statusPatience = 2 * time.Second

// forget has the next page ask anew, after an order.
func (s *statuses) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.known)
}

// status asks how a tenant's dispatcher stands, at most about once in a second.
func (c *Console) status(ctx context.Context, tenant string) tenantStatus {
	c.statuses.mu.Lock()
	defer c.statuses.mu.Unlock()
	now := time.Now()
	if known, ok := c.statuses.known[tenant]; ok && now.Sub(known.at) < calm {
		return known
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusPatience)
	defer cancel()
	fresh := tenantStatus{at: now}
	fresh.Status, fresh.Err = c.Desk.Status(ctx, tenant)
	fresh.at = time.Now()
	if c.statuses.known == nil {
		c.statuses.known = map[string]tenantStatus{}
	}
	c.statuses.known[tenant] = fresh
	return fresh
}

// waiting returns what says what open runs wait for, as far as their tenants name them.
func (c *Console) waiting(ctx context.Context) func(tenant, run string) *bridge.Parked {
	tenants := map[string]map[string]*bridge.Parked{}
	return func(tenant, run string) *bridge.Parked {
		if tenants[tenant] == nil {
			status := c.status(ctx, tenant)
			parked := map[string]*bridge.Parked{}
			for i := range status.Parked {
				parked[status.Parked[i].Run] = &status.Parked[i]
			}
			tenants[tenant] = parked
		}
		return tenants[tenant][run]
	}
}

// waits returns what an open run waits for; nil when it does not wait.
func (c *Console) waits(ctx context.Context, run *bridge.Run) *bridge.Parked {
	if run.State.Ended() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	parked, err := c.Desk.Waits(ctx, run.Tenant, run.ID)
	if errors.Is(err, bridge.ErrNobody) {
		return &bridge.Parked{Run: run.ID, Rule: run.Rule, Wait: bridge.WaitNobody, Since: run.Opened}
	}
	if err != nil || !parked.Wait.Waits() {
		return nil // it goes on, or has ended meanwhile
	}
	return &parked
}

// open counts the runs that have not ended.
func (c *Console) open() int {
	n := 0
	for state, runs := range c.index.Counts("") {
		if !state.Ended() {
			n += runs
		}
	}
	return n
}
