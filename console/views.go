package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/schemas"
)

// A TenantStatus is a tenant and how its dispatcher stands.
type TenantStatus struct {
	Tenant
	Holder string         `json:"holder,omitempty"` // the replica that works for it
	Runs   map[string]int `json:"runs"`             // that are known, by state
	Status *bridge.Status `json:"status,omitempty"` // missing while no dispatcher answers
	Error  string         `json:"error,omitempty"`  // why it is missing
}

// A RuleStatus is a rule and how its newest run went.
type RuleStatus struct {
	rules.Definition
	LastRun   string    `json:"last_run,omitempty"`
	LastState string    `json:"last_state,omitempty"`
	LastTime  time.Time `json:"last_opened,omitzero"`
}

// A List is what the API answers when it lists things.
type List[T any] struct {
	Data []T `json:"data"`
}

// toldLimit is how many outcomes the API lists when it is not said.
const toldLimit = 100

// routeViews serves what is only looked at.
func (c *Console) routeViews(api *gin.RouterGroup) {
	api.GET("/events", c.listEvents)
	api.GET("/events/stream", c.streamEvents)
	api.GET("/events/:seq", c.showEvent)
	api.GET("/sources", func(g *gin.Context) { g.JSON(http.StatusOK, List[SourceStatus]{c.sources()}) })
	api.GET("/tenants", c.listTenants)
	api.GET("/rules", c.listRules)
	api.POST("/rules/try", sameSite, c.tryRules)
}

// openAPI answers with the API's own document.
func (c *Console) openAPI(g *gin.Context) {
	document, err := schemas.API()
	if err != nil {
		c.Log.Error().Err(err).Msg("console: the API's document is broken")
		problem(g, http.StatusInternalServerError, "the document is broken; see the gateway's log")
		return
	}
	g.Data(http.StatusOK, "application/json", document)
}

// listEvents lists the newest outcomes that are kept, the newest first.
func (c *Console) listEvents(g *gin.Context) {
	limit, err := limitOf(g, toldLimit, mostTold)
	if err != nil {
		problem(g, http.StatusBadRequest, err.Error())
		return
	}
	told := c.tail.after(0, chosen(g))
	list := List[Told]{Data: []Told{}}
	for i := len(told) - 1; i >= 0 && len(list.Data) < limit; i-- {
		list.Data = append(list.Data, told[i])
	}
	g.JSON(http.StatusOK, list)
}

// showEvent shows one outcome by its sequence, as long as the stream keeps it.
func (c *Console) showEvent(g *gin.Context) {
	sequence, err := strconv.ParseUint(g.Param("seq"), 10, 64)
	if err != nil || sequence == 0 {
		problem(g, http.StatusBadRequest, "the sequence of an outcome is a whole number; gateway events tail and GET /api/v1/events list them")
		return
	}
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	stream, err := c.Stream.Stream(ctx, c.Out)
	if err != nil {
		c.unavailable(g, err)
		return
	}
	msg, err := stream.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		problem(g, http.StatusNotFound, "no outcome has this sequence, or it is kept no longer")
		return
	}
	if err != nil {
		c.unavailable(g, err)
		return
	}
	told, ok := toldFrom(msg.Sequence, msg.Header, msg.Data)
	if !ok {
		problem(g, http.StatusNotFound, "what is kept under this sequence is no outcome")
		return
	}
	g.JSON(http.StatusOK, told)
}

func (c *Console) listTenants(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), answerLimit)
	defer cancel()
	list := List[TenantStatus]{Data: []TenantStatus{}}
	for _, tenant := range c.Setup().Tenants {
		shown := TenantStatus{Tenant: tenant, Runs: map[string]int{}}
		for state, n := range c.index.Counts(tenant.Name) {
			if n > 0 {
				shown.Runs[string(state)] = n
			}
		}
		if holder, err := c.Holder(ctx, tenant.Name); err == nil {
			shown.Holder = holder
		}
		if status := c.status(ctx, tenant.Name); status.Err == nil {
			shown.Status = &status.Status
		} else {
			shown.Error = status.Err.Error()
		}
		list.Data = append(list.Data, shown)
	}
	g.JSON(http.StatusOK, list)
}

func (c *Console) listRules(g *gin.Context) {
	list := List[RuleStatus]{Data: []RuleStatus{}}
	for _, definition := range c.Setup().Rules {
		shown := RuleStatus{Definition: definition}
		for _, s := range c.index.List(bridge.RunQuery{Rule: definition.Name, Limit: 1}) {
			shown.LastRun, shown.LastState, shown.LastTime = s.ID, string(s.State), s.Opened
		}
		list.Data = append(list.Data, shown)
	}
	g.JSON(http.StatusOK, list)
}

// tryRules says what the rules in force would do with an event. Nothing is done.
func (c *Console) tryRules(g *gin.Context) {
	var event Try
	if !read(g, &event) {
		return
	}
	trial, err := c.Setup().try(event)
	if err != nil {
		problem(g, http.StatusBadRequest, err.Error())
		return
	}
	g.JSON(http.StatusOK, trial)
}
