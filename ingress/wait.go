package ingress

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

const (
	maxWait    = 60 * time.Second // that a sender may ask for
	maxWaiting = 256              // senders that wait at once; more are answered at once
	waitEvery  = 250 * time.Millisecond
	headerWait = "Gateway-Wait" // of a NATS request: ?wait= of HTTP
)

// waiting bounds the senders that wait for the end of runs, and ends them.
type waiting struct {
	slots  chan struct{}
	once   *sync.Once
	closed chan struct{}
	over   *sync.WaitGroup // NATS requests that wait
}

// StopWaiting answers everybody who waits for a run at once, so that a stopping
// server has nobody to wait for.
func (in *Ingress) StopWaiting() { in.waiting.once.Do(func() { close(in.waiting.closed) }) }

// A cause is an event that a rule matched, and the run that it became part of.
type cause struct {
	tenant, rule string
	sequence     uint64 // on the journal
	run          string // "" = not known yet
	ended        any    // the run, once it has ended
}

// causesOf returns what a stored event asks for.
func causesOf(targets []events.Target, sequences []uint64) (causes []cause) {
	if len(sequences) != len(targets) {
		return nil // no rule matched it
	}
	for i, target := range targets {
		for _, rule := range target.Rules {
			if rule != rules.ForeignRule {
				causes = append(causes, cause{tenant: target.Tenant, rule: rule, sequence: sequences[i]})
			}
		}
	}
	return causes
}

// Ended is the answer to a sender who waited for the end of what its event asked for.
type Ended struct {
	Answer
	Outcomes []any `json:"outcomes"` // the runs, in the order of Runs
}

// waitOf reads how long a sender wants to wait: 60s, or 60, which means the same; ""
// is not at all. Who cannot be understood is refused: it would go on as if its run had
// succeeded.
func waitOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait), nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, refusef(Malformed, "wait: expected how long, such as 60s; got %.20q", text)
	}
	return min(wait, maxWait), nil
}

// awaitHTTP waits as ?wait= asks, and says where to look.
func (in *Ingress) awaitHTTP(c *gin.Context, d *delivery) {
	if d.wait > 0 && http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(d.wait+WriteTimeout)) == nil {
		in.await(c.Request.Context(), d)
	}
	if len(d.answers) != 1 {
		return
	}
	switch answer := d.answers[0]; {
	case answer.Run != "":
		c.Header("Location", "/v1/runs/"+answer.Run)
	case len(answer.Runs) == 1:
		c.Header("Location", "/v1/runs/"+answer.Runs[0]+"?source="+d.source)
	}
}

// awaitNATS waits as the header of a request asks, beside the other messages of its
// subscription, and then has it answered.
func (in *Ingress) awaitNATS(ctx context.Context, d *delivery, msg *nats.Msg, answer func()) {
	if d.wait == 0 || msg.Reply == "" {
		answer()
		return
	}
	in.waiting.over.Go(func() {
		defer answer()
		in.await(ctx, d)
	})
}

// await waits until the runs have ended that a stored event became part of, and
// makes them the answer. After the time, the answer says which runs are known.
func (in *Ingress) await(ctx context.Context, d *delivery) {
	if d.batch || len(d.answers) != 1 || len(d.answers[0].causes) == 0 || in.config.Runs.Show == nil {
		return
	}
	select {
	case in.waiting.slots <- struct{}{}:
		defer func() { <-in.waiting.slots }()
	default:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	for !in.ended(ctx, d) {
		select {
		case <-ctx.Done():
			return
		case <-in.waiting.closed:
			return
		case <-tick.C:
		}
	}
}

// ended looks once how the runs stand that an event became part of. Once all have
// ended, they are the answer.
func (in *Ingress) ended(ctx context.Context, d *delivery) bool {
	answer, all := &d.answers[0], true
	for i := range answer.causes {
		c := &answer.causes[i]
		if in.look(ctx, d.source, c); c.ended == nil {
			all = false
		}
		if answer.Run == "" && c.run != "" && !slices.Contains(answer.Runs, c.run) {
			answer.Runs = append(answer.Runs, c.run)
		}
	}
	if !all {
		return false
	}
	d.result, d.greeted = Finished, answer.causes[0].ended
	if answer.Run == "" {
		outcomes := make([]any, len(answer.Runs))
		for _, c := range answer.causes {
			outcomes[slices.Index(answer.Runs, c.run)] = c.ended
		}
		d.greeted = Ended{Answer: *answer, Outcomes: outcomes}
	}
	return true
}

// look finds the run that an event became part of, and whether it has ended. What
// cannot be read now is looked for again.
func (in *Ingress) look(ctx context.Context, source string, c *cause) {
	if c.run == "" {
		id, err := in.config.Runs.Caused(ctx, c.tenant, c.rule, c.sequence)
		if err != nil {
			return
		}
		c.run = id
	}
	if c.ended != nil {
		return
	}
	if run, over, err := in.config.Runs.Show(ctx, source, c.run); err == nil && over {
		c.ended = run
	}
}
