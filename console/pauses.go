package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
)

// A Pause is an operator's word that something begins no work, as the API shows it.
type Pause struct {
	ID     string           `json:"id"` // <tenant>.<of> or <tenant>.<of>.<name>
	Tenant string           `json:"tenant"`
	Of     bridge.PauseKind `json:"of"`
	Name   string           `json:"name,omitempty"`     // of the rule, or the app's id
	App    string           `json:"app_name,omitempty"` // configured name of the app, if it has one
	Reason string           `json:"reason,omitempty"`
	By     string           `json:"by,omitempty"`
	Since  time.Time        `json:"since"`
	Until  time.Time        `json:"until,omitzero"` // when it ends by itself
}

// A PauseOrder asks for a pause of one thing: a rule, an app, the breaker or, when
// none of them is named, the tenant.
type PauseOrder struct {
	Tenant  string    `json:"tenant,omitempty"` // may be left out when there is only one, or when the rule says it
	Rule    string    `json:"rule,omitempty"`
	App     string    `json:"app,omitempty"` // name or id
	Breaker bool      `json:"breaker,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// errNoPause is what somebody asks for who names a pause that is not there.
var errNoPause = errors.New("nothing of this id is paused; gateway pause ls and GET /api/v1/pauses list what is")

// routePauses serves pauses; change guards what changes something.
func (c *Console) routePauses(api *gin.RouterGroup, change guard) {
	api.GET("/pauses", c.listPauses)
	api.POST("/pauses", change("createPause", c.createPause)...)
	api.DELETE("/pauses/:id", change("deletePause", c.deletePause)...)
}

// pauseOf shows a pause of a tenant.
func (s *Setup) pauseOf(tenant string, p bridge.Pause) Pause {
	shown := Pause{
		ID: tenant + "." + string(p.Of), Tenant: tenant, Of: p.Of, Name: p.Name, Reason: p.Reason, By: p.By, Since: p.Since, Until: p.Until,
	}
	if p.Name != "" {
		shown.ID += "." + p.Name
	}
	if p.Of == bridge.PauseApp {
		shown.App = s.Apps[p.Name]
	}
	return shown
}

// readPauseID says what the id of a pause is for.
func readPauseID(id string) (tenant string, p bridge.Pause) {
	tenant, of, _ := strings.Cut(id, ".")
	kind, name, _ := strings.Cut(of, ".")
	return tenant, bridge.Pause{Of: bridge.PauseKind(kind), Name: name}
}

// pauses returns what is paused, by the ledger: also while no dispatcher works.
func (c *Console) pauses(ctx context.Context) ([]Pause, error) {
	setup, list := c.Setup(), []Pause{}
	for _, tenant := range setup.Tenants {
		held, err := c.Ledger.Pauses(ctx, tenant.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range held {
			list = append(list, setup.pauseOf(tenant.Name, p))
		}
	}
	return list, nil
}

func (c *Console) listPauses(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	list, err := c.pauses(ctx)
	if err != nil {
		c.unavailable(g, err)
		return
	}
	g.JSON(http.StatusOK, List[Pause]{list})
}

func (c *Console) createPause(g *gin.Context) {
	var order PauseOrder
	if !read(g, &order) {
		return
	}
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	tenant, p, err := c.Setup().pauseFor(order)
	if err != nil {
		problem(g, http.StatusBadRequest, err.Error())
		return
	}
	made, err := c.pause(ctx, g, tenant, p)
	c.answerPause(g, made, err)
}

func (c *Console) deletePause(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	ended, err := c.resume(ctx, g, g.Param("id"))
	c.answerPause(g, ended, err)
}

func (c *Console) answerPause(g *gin.Context, p Pause, err error) {
	switch {
	case err == nil:
		g.JSON(http.StatusOK, p)
	case errors.Is(err, errNoPause):
		problem(g, http.StatusNotFound, err.Error())
	case errors.Is(err, bridge.ErrRefused):
		problem(g, http.StatusConflict, err.Error())
	case errors.Is(err, bridge.ErrNobody):
		g.Header("Retry-After", "5")
		problem(g, http.StatusServiceUnavailable, err.Error())
	default:
		c.unavailable(g, err)
	}
}

// pauseFor says which pause an order asks for, and of which tenant.
func (s *Setup) pauseFor(order PauseOrder) (tenant string, p bridge.Pause, err error) {
	p = bridge.Pause{Of: bridge.PauseTenant, Reason: strings.TrimSpace(order.Reason), Until: order.Until}
	tenant = order.Tenant
	named := 0
	if order.Rule != "" {
		named, p.Of, p.Name = named+1, bridge.PauseRule, order.Rule
		i := slices.IndexFunc(s.Rules, func(rule rules.Definition) bool { return rule.Name == order.Rule })
		if i < 0 {
			return "", p, fmt.Errorf("no rule %q is configured; gateway rules ls and GET /api/v1/rules list them", order.Rule)
		}
		if own := s.Rules[i].Tenant; tenant == "" {
			tenant = own
		} else if own != "" && own != tenant {
			return "", p, fmt.Errorf("rule %q is of tenant %s", order.Rule, own)
		}
	}
	if order.App != "" {
		named, p.Of, p.Name = named+1, bridge.PauseApp, s.appID(order.App)
		if s.Apps[p.Name] == "" && (len(p.Name) != 36 || strings.Count(p.Name, "-") != 4) {
			return "", p, fmt.Errorf("no app is called %q in the configuration; give its name there, or its id at Qlik", order.App)
		}
	}
	if order.Breaker {
		named, p.Of = named+1, bridge.PauseBreaker
	}
	if tenant == "" && len(s.Tenants) == 1 {
		tenant = s.Tenants[0].Name
	}
	switch known := slices.ContainsFunc(s.Tenants, func(t Tenant) bool { return t.Name == tenant }); {
	case named > 1:
		return "", p, errors.New("name one of rule, app and breaker; none of them pauses the tenant")
	case tenant == "":
		return "", p, errors.New("tenant is missing: there are several")
	case !known:
		return "", p, fmt.Errorf("no tenant %q is configured; gateway tenants ls and GET /api/v1/tenants list them", tenant)
	}
	return tenant, p, nil
}

// appID returns the id of the app that people gave a name, or the id, as runs have it:
// in lower case.
func (s *Setup) appID(name string) string {
	for id, known := range s.Apps {
		if known == name {
			return id
		}
	}
	return strings.ToLower(name)
}

// pause has a tenant's dispatcher put a pause in force.
func (c *Console) pause(ctx context.Context, g *gin.Context, tenant string, p bridge.Pause) (Pause, error) {
	by, shown := who(g), c.Setup().pauseOf(tenant, p)
	*deedOf(g) = deed{tenant: tenant, object: "pauses/" + shown.ID, note: p.Reason}
	p.By, p.Since = by.Name, time.Now()
	err := c.Desk.Give(ctx, tenant, bridge.Order{Op: bridge.OpPause, Pause: &p, By: by.String()})
	c.statuses.forget()
	return c.Setup().pauseOf(tenant, p), err
}

// resume has a tenant's dispatcher end a pause.
func (c *Console) resume(ctx context.Context, g *gin.Context, id string) (Pause, error) {
	tenant, wanted := readPauseID(id)
	*deedOf(g) = deed{object: "pauses/" + url.PathEscape(id)}
	if c.Setup().urlOf(tenant) != "" {
		deedOf(g).tenant = tenant
	}
	held, err := c.Ledger.Pauses(ctx, tenant)
	if err != nil {
		return Pause{}, err
	}
	i := slices.IndexFunc(held, func(p bridge.Pause) bool { return p.Of == wanted.Of && p.Name == wanted.Name })
	switch {
	case i >= 0:
		wanted = held[i]
	case wanted.Of != bridge.PauseBreaker || c.Setup().urlOf(tenant) == "": // a breaker that nobody holds may be told to ask again
		return Pause{}, errNoPause
	}
	err = c.Desk.Give(ctx, tenant, bridge.Order{Op: bridge.OpResume, Pause: &wanted, By: who(g).String()})
	c.statuses.forget()
	return c.Setup().pauseOf(tenant, wanted), err
}
