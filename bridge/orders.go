package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// An Op is something that an operator may ask of a tenant's dispatcher.
type Op string

// The operations of an Order.
const (
	OpResolve Op = "resolve" // say how a held run's unknown step ended
	OpCancel  Op = "cancel"  // stop a run for good
	OpPause   Op = "pause"   // let nothing begin, or hold the breaker open
	OpResume  Op = "resume"  // end a pause
)

// An Order is what an operator asks of a tenant's dispatcher, whichever replica it
// runs on.
type Order struct {
	Op  Op     `json:"op"`
	Run string `json:"run,omitempty"` // status: say only what this one waits for
	As  string `json:"as,omitempty"`  // resolve: succeeded, failed or retry
	App string `json:"app,omitempty"` // resolve as succeeded: the app that the step made
	By  string `json:"by,omitempty"`  // who asks, and in what role

	Pause *Pause `json:"pause,omitempty"` // pause, resume: of what
}

// ErrRefused is wrapped by the error of an order that does not fit how things stand.
var ErrRefused = errors.New("refused")

// ErrNobody is returned when no dispatcher works for the tenant now.
var ErrNobody = errors.New("no dispatcher works for this tenant now; try again in a moment")

// orderLimit is how long an order may take to be written down.
const orderLimit = 10 * time.Second

// A Desk takes orders to the dispatcher that works for a tenant.
type Desk struct {
	conn    *nats.Conn
	subject string // orders go to <subject>.<tenant>
}

// NewDesk returns the desk on the gateway's own connection. Its subject is one that
// nobody else may publish to.
func NewDesk(conn *nats.Conn, subject string) *Desk { return &Desk{conn: conn, subject: subject} }

// A reply is what a dispatcher answers to an order.
type reply struct {
	Refused string          `json:"refused,omitempty"`
	Error   string          `json:"error,omitempty"`
	Status  json.RawMessage `json:"status,omitempty"` // a Status
}

// Give hands an order to the tenant's dispatcher and returns once it is written
// down. Its errors wrap ErrRefused, ErrNobody or the cause.
func (d *Desk) Give(ctx context.Context, tenant string, order Order) error {
	_, err := d.ask(ctx, tenant, order)
	return err
}

// ask hands an order over and returns the dispatcher's answer.
func (d *Desk) ask(ctx context.Context, tenant string, order Order) (reply, error) {
	var answer reply
	data, err := json.Marshal(order)
	if err != nil {
		return answer, fmt.Errorf("encode order: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	msg, err := d.conn.RequestWithContext(ctx, d.subject+"."+tenant, data)
	if errors.Is(err, nats.ErrNoResponders) {
		return answer, ErrNobody
	}
	if err != nil {
		return answer, fmt.Errorf("give order: %w", err)
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return answer, fmt.Errorf("decode the dispatcher's answer: %w", err)
	}
	switch {
	case answer.Refused != "":
		return answer, fmt.Errorf("%w: %s", ErrRefused, answer.Refused)
	case answer.Error != "":
		return answer, errors.New(answer.Error)
	}
	return answer, nil
}

// A request is an order that waits for its answer.
type request struct {
	order  Order
	answer func(error)
	show   func(Status) // instead of answer, for OpStatus
}

// listen passes orders for a tenant to a channel until ctx ends.
func (d *Desk) listen(ctx context.Context, tenant string, out chan<- request) error {
	subscription, err := d.conn.Subscribe(d.subject+"."+tenant, func(msg *nats.Msg) {
		answer := func(err error) { _ = msg.Respond(encodeReply(err)) } // who asked times out when this is lost
		show := func(status Status) { _ = msg.Respond(encodeStatus(status)) }
		var order Order
		if err := json.Unmarshal(msg.Data, &order); err != nil {
			answer(fmt.Errorf("decode order: %w", err))
			return
		}
		select {
		case out <- request{order, answer, show}:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return fmt.Errorf("listen for orders: %w", err)
	}
	<-ctx.Done()
	return subscription.Unsubscribe()
}

func encodeReply(err error) []byte {
	var answer reply
	switch {
	case errors.Is(err, ErrRefused):
		answer.Refused = strings.TrimPrefix(err.Error(), ErrRefused.Error()+": ")
	case err != nil:
		answer.Error = err.Error()
	}
	data, err := json.Marshal(answer)
	if err != nil {
		return []byte(`{"error":"the answer cannot be encoded"}`)
	}
	return data
}

func encodeStatus(status Status) []byte {
	text, err := json.Marshal(status)
	if err != nil {
		return encodeReply(fmt.Errorf("encode status: %w", err))
	}
	data, err := json.Marshal(reply{Status: text})
	if err != nil {
		return encodeReply(fmt.Errorf("encode status: %w", err))
	}
	return data
}

// intervene keeps with a run what an operator had done to it, unless that was refused.
func (s *Scheduler) intervene(now time.Time, order Order, refused error) error {
	t := s.tasks[order.Run]
	if refused != nil || t == nil {
		return refused
	}
	run := t.run()
	run.Interventions = append(run.Interventions, Intervention{At: now.UTC(), Op: order.Op, As: order.As, App: order.App, By: order.By})
	run.Interventions = run.Interventions[max(0, len(run.Interventions)-mostInterventions):]
	s.touch(t)
	return nil
}

// obey carries out an order in the scheduler's memory; the caller writes it down.
func (s *Scheduler) obey(now time.Time, order Order) error {
	switch order.Op {
	case OpResolve:
		return s.intervene(now, order, s.Resolve(now, order.Run, order.As, order.App))
	case OpCancel:
		return s.intervene(now, order, s.Cancel(now, order.Run))
	case OpPause, OpResume:
		return s.obeyPause(now, order)
	}
	return fmt.Errorf("%w: this gateway does not know the order %q", ErrRefused, order.Op)
}
