package ingress

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// TypeRunRequested is the type of an event that asks for a run itself.
const TypeRunRequested = "io.qlikgateway.v1.run.requested"

// Runs are what the ingress needs to know of runs; its zero value serves none.
type Runs struct {
	// ID is the id of the run that the event at a sequence of the journal opens.
	ID func(ctx context.Context, sequence uint64, tenant string) (string, error)
	// Caused returns the id of the run of a rule that the event at a sequence of the
	// journal became part of. It returns ErrNoRun when there is none, or not yet.
	Caused func(ctx context.Context, tenant, rule string, sequence uint64) (string, error)
	// Show returns a run as it is shown, and whether it has ended. It returns ErrNoRun
	// when there is none that the source caused, or not yet.
	Show func(ctx context.Context, source, id string) (run any, ended bool, err error)
}

// ErrNoRun is returned by Runs.Caused and Runs.Show when there is no such run, or not yet.
var ErrNoRun = errors.New("no such run")

// request makes an event of a proven message that asks for a run: its data is what
// is to be done. The last token of a NATS subject names the tenant.
func (s *source) request(m message) (events.Arrival, error) {
	body, err := decodeBody(m.body)
	if err != nil {
		return events.Arrival{}, err
	}
	asked, ok := body.(map[string]any)
	if !ok {
		return events.Arrival{}, errors.New(`expected an object such as {"tenant": "acme", "app": "sales", "do": ["reload"]}`)
	}
	data := m.body
	if m.subject != "" {
		tenant := m.subject[strings.LastIndexByte(m.subject, '.')+1:]
		if written, given := asked["tenant"]; given && written != tenant {
			return events.Arrival{}, fmt.Errorf("the subject asks tenant %.63q and the body another one", tenant)
		}
		asked["tenant"] = tenant
		if data, err = json.Marshal(asked); err != nil {
			return events.Arrival{}, fmt.Errorf("encode request: %w", err)
		}
	}
	event := s.blank(m)
	event.SetType(TypeRunRequested)
	event.SetDataContentType("application/json")
	event.DataEncoded = bytes.TrimSpace(data)
	id, given := single(m.header, "Idempotency-Key")
	if err := setAll(&event, map[string]string{"id": id}); err != nil {
		return events.Arrival{}, err
	}
	a := s.arrival(event, nil)
	if !given {
		a.DedupeID = event.ID()
	}
	return a, events.Validate(event)
}

// ask takes a request for a run to the journal, after its plan was made once: what
// cannot be planned, or is not allowed, is refused and not stored.
func (in *Ingress) ask(ctx context.Context, live *Live, a events.Arrival) (Answer, error) {
	if in.config.Runs.ID == nil {
		return Answer{}, refusef(Unknown, "no runs are served here")
	}
	plan, err := live.Rules.Plan(rules.DirectRule, a.View())
	if errors.Is(err, rules.ErrNotAllowed) {
		return Answer{}, refuse(Denied, err)
	}
	if err != nil {
		return Answer{}, refuse(Malformed, err)
	}
	target := events.Target{Tenant: plan.Tenant, Rules: []string{rules.DirectRule}}
	receipt, err := in.append(ctx, live, a, []events.Target{target})
	if err != nil {
		return Answer{}, unstored(err)
	}
	run, err := in.config.Runs.ID(ctx, receipt.Sequences[0], plan.Tenant)
	if err != nil {
		return Answer{}, unstored(err)
	}
	return Answer{
		ID: a.Event.ID(), Source: a.Source, Matches: target.Rules, Duplicate: receipt.Duplicate, Run: run,
		causes: []cause{{tenant: plan.Tenant, rule: rules.DirectRule, run: run}},
	}, nil
}

// showRun answers with a run that the source caused which ?source= names: the one
// that asks for runs itself, when nothing else is said.
func (in *Ingress) showRun(c *gin.Context, id string) {
	d := delivery{via: "http", source: noSource, from: in.addressOf(c.Request).String(), began: time.Now()}
	defer func() { in.reply(c, &d) }()
	name := cmp.Or(c.Query("source"), RunsSource)
	_, s := in.source(name)
	if s == nil || s.proof == nil || in.config.Runs.Show == nil {
		d.end(nil, refusef(Unknown, "no source of this name is configured for HTTP: ?source= names the one whose run it is, else it is runs"))
		return
	}
	d.source = name
	if err := s.proof.prove(c.Request.Context(), in.evidenceOf(c.Request, d.began)); err != nil {
		d.end(nil, s.unproven(err))
		return
	}
	run, ended, err := in.config.Runs.Show(c.Request.Context(), name, id)
	switch {
	case errors.Is(err, ErrNoRun):
		d.end(nil, refusef(Unknown, "no run %.100q was caused by source %s, or it has not begun", id, name))
	case err != nil:
		d.end(nil, unstored(err))
	case ended:
		d.greeted, d.result = run, Finished
	default:
		d.greeted, d.result = run, Greeted
	}
}
