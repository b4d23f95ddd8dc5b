package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/events"
)

// A SubscriptionList is who is or was told of outcomes over HTTP.
type SubscriptionList struct {
	Data []Subscription `json:"data"`
}

// A Subscription is how far one of them has come, as the API shows it.
type Subscription struct {
	Name          string        `json:"name"`
	Removed       bool          `json:"removed,omitempty"`  // it is configured no more, so nobody tells it
	Behind        uint64        `json:"behind"`             // outcomes it has still to look at or to be told of
	Waiting       int           `json:"waiting"`            // those of them that are wanted and not delivered
	Disabled      events.Reason `json:"disabled,omitempty"` // why it is told nothing; "" = it is
	DisabledSince time.Time     `json:"disabled_since,omitzero"`
	FailingSince  time.Time     `json:"failing_since,omitzero"`
	Failures      int           `json:"failures,omitempty"`
	Error         string        `json:"error,omitempty"` // the newest failure
	Saved         time.Time     `json:"saved"`           // when it was so
}

// routeSubscriptions serves subscriptions; change guards what changes something.
func (cfg Config) routeSubscriptions(api *gin.RouterGroup, change guard) {
	api.GET("/subscriptions", cfg.listSubscriptions)
	api.POST("/subscriptions/:name/enable", change("enableSubscription", cfg.enableSubscription)...)
	api.POST("/subscriptions/:name/replay", change("replaySubscription", cfg.replaySubscription)...)
}

func (cfg Config) listSubscriptions(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	list := SubscriptionList{Data: []Subscription{}}
	names, err := cfg.Told.Names(ctx)
	if err != nil {
		cfg.subscriptionProblem(c, err)
		return
	}
	for _, name := range names {
		view, err := cfg.subscription(ctx, name)
		if err != nil {
			cfg.subscriptionProblem(c, err)
			return
		}
		list.Data = append(list.Data, view)
	}
	c.JSON(http.StatusOK, list)
}

// subscription returns one as it is now.
func (cfg Config) subscription(ctx context.Context, name string) (Subscription, error) {
	state, err := cfg.Told.State(ctx, name)
	if err != nil {
		return Subscription{}, err
	}
	behind, err := cfg.Told.Behind(ctx, state)
	return Subscription{
		Name: name, Removed: cfg.removed(name), Behind: behind, Waiting: len(state.Waiting), Disabled: state.Disabled, DisabledSince: state.DisabledSince,
		FailingSince: state.FailingSince, Failures: state.Failures, Error: state.Error, Saved: state.Saved,
	}, err
}

// removed reports whether a subscription is not configured any more.
func (cfg Config) removed(name string) bool { return !slices.Contains(cfg.Setup().Subscriptions, name) }

// enableSubscription lets one that was disabled go on where it stopped.
func (cfg Config) enableSubscription(c *gin.Context) {
	cfg.changeSubscription(c, cfg.Told.Enable)
}

// replaySubscription tells one again what was published since a time: {"since": ...}.
func (cfg Config) replaySubscription(c *gin.Context) {
	var body struct {
		Since time.Time `json:"since"`
	}
	if !read(c, &body) {
		return
	}
	if body.Since.IsZero() {
		problem(c, http.StatusBadRequest, "since is missing: a time such as 2026-11-23T06:00:00Z")
		return
	}
	deedOf(c).note = "since " + body.Since.UTC().Format(time.RFC3339)
	cfg.changeSubscription(c, func(ctx context.Context, name string) error { return cfg.Told.Replay(ctx, name, body.Since) })
}

// changeSubscription answers with the subscription as it is then.
func (cfg Config) changeSubscription(c *gin.Context, change func(context.Context, string) error) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), answerLimit)
	defer cancel()
	name := c.Param("name")
	_, err := cfg.Told.State(ctx, name)
	if err == nil && cfg.removed(name) {
		problem(c, http.StatusConflict, "the subscription is not configured any more, so nobody would tell it: name it under subscriptions again")
		return
	}
	if err == nil {
		err = change(ctx, name)
	}
	if err == nil {
		var view Subscription
		if view, err = cfg.subscription(ctx, name); err == nil {
			c.JSON(http.StatusOK, view)
			return
		}
	}
	cfg.subscriptionProblem(c, err)
}

func (cfg Config) subscriptionProblem(c *gin.Context, err error) {
	if errors.Is(err, events.ErrNoSubscription) {
		problem(c, http.StatusNotFound, "no subscription of this name has begun; gateway subscriptions ls and GET /api/v1/subscriptions list them")
		return
	}
	cfg.unavailable(c, err)
}
