package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/events"
)

const (
	auditLimit = 3 * time.Second // how long the event of a change may take to be stored
	maxObject  = 256             // bytes of the name of what was changed
	deedKey    = "deed"          // where a request's context says what is changed
)

// A guard lets nobody but operators change something, and tells of each change under
// the operationId of the API, also when a page asked for it.
type guard func(action string, do gin.HandlerFunc) []gin.HandlerFunc

// A deed is what a handler knows of the change that it makes.
type deed struct {
	tenant string
	object string // default: what the path names
	action string // default: what was asked
	note   string // in a few words
	failed error  // why it was not done, where the answer is a good one nevertheless
	idle   bool   // nothing was to be changed
}

// deedOf returns what is known of the change that a request asks for, to be added to.
func deedOf(g *gin.Context) *deed {
	if known, ok := g.Get(deedKey); ok {
		if d, ok := known.(*deed); ok {
			return d
		}
	}
	return &deed{}
}

// audit tells who changed what, and what came of it: a line of the log, and an event.
func (c *Console) audit(action string) gin.HandlerFunc {
	return func(g *gin.Context) {
		done, begun := &deed{}, time.Now()
		g.Set(deedKey, done)
		g.Next()
		if done.idle {
			return
		}
		someone := who(g)
		told := events.AuditData{
			Tenant: done.tenant, By: someone.Name, Role: string(someone.Role), Action: cmp.Or(done.action, action), Object: done.object,
			Outcome: outcomeOf(g.Writer.Status(), done.failed), Note: done.note,
		}
		if told.Object == "" {
			told.Object = objectOf(g)
		}
		told.Object = told.Object[:min(len(told.Object), maxObject)]
		c.Log.Info().Str("hop", "audit").Str("by", told.By).Str("role", told.Role).Str("from", someone.From).Str("action", told.Action).
			Str("object", told.Object).Str("outcome", told.Outcome).Str("tenant", told.Tenant).Int("status", g.Writer.Status()).AnErr("reason", done.failed).
			Msg("an operator changed something")
		if err := c.tellAudit(g.Request.Context(), begun, told); err != nil {
			c.Log.Error().Err(err).Str("hop", "audit").Str("action", told.Action).Str("object", told.Object).Msg("the event of a change is not stored; the log has it")
		}
	}
}

// tellAudit publishes the event of a change, whether or not who asked still waits.
func (c *Console) tellAudit(ctx context.Context, at time.Time, told events.AuditData) error {
	outcome, err := events.NewOutcome(events.Head{
		ID: "audit/" + rand.Text(), Type: events.TypeAuditRecorded, Tenant: told.Tenant, Subject: told.Object, Time: at,
	}, told)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditLimit)
	defer cancel()
	return c.Publisher.Publish(ctx, outcome)
}

// outcomeOf says in one word what came of a change.
func outcomeOf(status int, failed error) string {
	switch {
	case status >= http.StatusInternalServerError:
		return events.AuditFailed
	case status >= http.StatusBadRequest || failed != nil:
		return events.AuditRefused
	}
	return events.AuditDone
}

// objectOf names what a path is about, such as runs/<id>.
func objectOf(g *gin.Context) string {
	noun := strings.TrimPrefix(strings.TrimPrefix(g.FullPath(), "/api/v1"), "/")
	noun, _, _ = strings.Cut(noun, "/")
	if len(g.Params) == 0 {
		return noun
	}
	return noun + "/" + url.PathEscape(g.Params[0].Value)
}
