package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// pauseFromPage pauses what the page's form names.
func (c *Console) pauseFromPage(g *gin.Context) {
	tenant, p, err := c.Setup().pauseOn(g.PostForm("what"), g.PostForm("for"), g.PostForm("reason"))
	if err != nil {
		c.sorry(g, http.StatusBadRequest, err.Error())
		return
	}
	c.afterPause(g, func(ctx context.Context) error {
		_, err := c.pause(ctx, g, tenant, p)
		return err
	})
}

// pauseOn reads what a form asks for: the page may be older than the configuration.
func (s *Setup) pauseOn(what, lasts, reason string) (tenant string, p bridge.Pause, err error) {
	tenant, p = readPauseID(what)
	order := PauseOrder{Tenant: tenant, Reason: reason}
	switch p.Of {
	case bridge.PauseTenant:
	case bridge.PauseRule:
		order.Rule = p.Name
	case bridge.PauseApp:
		order.App = p.Name
	case bridge.PauseBreaker:
		order.Breaker = true
	default:
		return "", p, fmt.Errorf("%q is nothing that can be paused", what)
	}
	if lasts != "" {
		span, err := time.ParseDuration(lasts)
		if err != nil {
			return "", p, errors.New("for: expected how long, such as 2h; empty is until it is resumed")
		}
		order.Until = time.Now().Add(span)
	}
	return s.pauseFor(order)
}

// resumeFromPage ends a pause that the page shows.
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
