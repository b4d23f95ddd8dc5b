package ingress

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// TypeRunRequested is the type of an event that asks for a run itself.
const TypeRunRequested = "io.qlikgateway.v1.run.requested"

const (
	maxWait    = 60 * time.Second // that ?wait= may ask for
	maxWaiting = 256              // requests that wait at once; more are answered at once
	waitEvery  = 250 * time.Millisecond
)

// Runs are what the ingress needs to know of runs that were asked for directly.
type Runs struct {
	// ID is the id of the run that the event at a sequence of the journal opens.
	ID func(ctx context.Context, sequence uint64, tenant string) (string, error)
	// Show returns a direct run as it is shown, and whether it has ended. It returns
	// ErrNoRun when there is none, or not yet.
	Show func(ctx context.Context, id string) (run any, ended bool, err error)
}

// ErrNoRun is returned by Runs.Show when there is no such run.
var ErrNoRun = errors.New("no such run")

// waiting bounds the requests that wait for the end of a run, and ends them.
type waiting struct {
	slots  chan struct{}
	once   *sync.Once
	closed chan struct{}
}

// StopWaiting answers everybody who waits for a run at once, so that a stopping
// server has nobody to wait for.
func (in *Ingress) StopWaiting() { in.waiting.once.Do(func() { close(in.waiting.closed) }) }

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
	run, err := in.config.Runs.ID(ctx, receipt.Sequence, plan.Tenant)
	if err != nil {
		return Answer{}, unstored(err)
	}
	return Answer{ID: a.Event.ID(), Source: a.Source, Matches: target.Rules, Duplicate: receipt.Duplicate, Run: run}, nil
}

// await waits for the end of the run that was asked for, as long as ?wait= says,
// and makes it the answer: 200 with the run, or 202 with where to look.
func (in *Ingress) await(c *gin.Context, d *delivery) {
	if len(d.answers) != 1 || d.answers[0].Run == "" {
		return
	}
	id := d.answers[0].Run
	c.Header("Location", "/v1/runs/"+id)
	wait, err := time.ParseDuration(cmp.Or(c.Query("wait"), "0s"))
	if err != nil || wait <= 0 {
		return
	}
	wait = min(wait, maxWait)
	select {
	case in.waiting.slots <- struct{}{}:
		defer func() { <-in.waiting.slots }()
	default:
		return
	}
	if err := http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(wait + WriteTimeout)); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), wait)
	defer cancel()
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	for {
		run, ended, err := in.config.Runs.Show(ctx, id)
		if err == nil && ended {
			d.greeted, d.result = run, Finished
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-in.waiting.closed:
			return
		case <-tick.C:
		}
	}
}

// showRun answers with a run that was asked for directly, to whom may ask for runs.
func (in *Ingress) showRun(c *gin.Context, id string) {
	d := delivery{via: "http", source: noSource, from: in.addressOf(c.Request).String(), began: time.Now()}
	defer func() { in.reply(c, &d) }()
	_, s := in.source(RunsSource)
	if s == nil || s.proof == nil || in.config.Runs.Show == nil {
		d.end(nil, refusef(Unknown, "no source named runs is configured for HTTP"))
		return
	}
	d.source = RunsSource
	if err := s.proof.prove(c.Request.Context(), in.evidenceOf(c.Request, d.began)); err != nil {
		d.end(nil, s.unproven(err))
		return
	}
	run, ended, err := in.config.Runs.Show(c.Request.Context(), id)
	switch {
	case errors.Is(err, ErrNoRun):
		d.end(nil, refusef(Unknown, "no run %.100q was asked for here, or it has not begun", id))
	case err != nil:
		d.end(nil, unstored(err))
	case ended:
		d.greeted, d.result = run, Finished
	default:
		d.greeted, d.result = run, Greeted
	}
}
