package console

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
)

// A tenantsView is what the page of tenants shows.
type tenantsView struct {
	Tenants  []tenantView
	Pausable []Pause     // what the form offers
	Spans    []pauseSpan // for how long
}

// A pauseSpan is for how long something is paused.
type pauseSpan struct{ For, Words string }

// pauseSpans are what the form offers; "" is until somebody resumes it.
func pauseSpans() []pauseSpan {
	return []pauseSpan{{"", "until it is resumed"}, {"15m", "15 minutes"}, {"1h", "1 hour"}, {"8h", "8 hours"}, {"24h", "1 day"}, {"72h", "3 days"}}
}

// words says what is paused.
func (p Pause) words() string {
	return strings.TrimSpace(string(p.Of) + " " + cmp.Or(p.App, p.Name))
}

// offered says what can be paused, with its tenant where there are many.
func (p Pause) offered(many bool) string {
	text := p.words()
	if p.Of == bridge.PauseTenant {
		text = "all work"
	}
	if many || p.Of == bridge.PauseTenant {
		text = p.Tenant + ": " + text
	}
	return text
}

// pausable lists what can be paused: tenants, their breakers, rules and named apps.
func (s *Setup) pausable() []Pause {
	var list []Pause
	for _, tenant := range s.Tenants {
		list = append(list, s.pauseOf(tenant.Name, bridge.Pause{Of: bridge.PauseTenant}), s.pauseOf(tenant.Name, bridge.Pause{Of: bridge.PauseBreaker}))
		for _, rule := range s.Rules {
			if rule.Tenant == tenant.Name || rule.Tenant == "" && len(s.Tenants) == 1 {
				list = append(list, s.pauseOf(tenant.Name, bridge.Pause{Of: bridge.PauseRule, Name: rule.Name}))
			}
		}
		for _, id := range slices.Sorted(maps.Keys(s.Apps)) {
			list = append(list, s.pauseOf(tenant.Name, bridge.Pause{Of: bridge.PauseApp, Name: id}))
		}
	}
	return list
}

// pauseFromPage and resumeFromPage give orders as forms do.
func (c *Console) pauseFromPage(g *gin.Context) {
	tenant, p := readPauseID(g.PostForm("what"))
	p.Reason = strings.TrimSpace(g.PostForm("reason"))
	if lasts, err := time.ParseDuration(g.PostForm("for")); err == nil {
		p.Until = time.Now().Add(lasts)
	}
	c.afterPause(g, func(ctx context.Context) error {
		_, err := c.pause(ctx, g, tenant, p)
		return err
	})
}

func (c *Console) resumeFromPage(g *gin.Context) {
	c.afterPause(g, func(ctx context.Context) error {
		_, err := c.resume(ctx, g, g.PostForm("id"))
		return err
	})
}

// afterPause gives an order and goes back to the page that shows what became of it.
func (c *Console) afterPause(g *gin.Context, give func(context.Context) error) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	if err := give(ctx); err != nil {
		c.sorry(g, http.StatusConflict, err.Error())
		return
	}
	g.Redirect(http.StatusSeeOther, "/tenants")
}
