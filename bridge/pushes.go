package bridge

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/qlik"
)

// mostPushes is how many pushes wait for a dispatcher that is busy. One that finds
// no room is lost, as it may be: polling is the truth.
const mostPushes = 1024

// mostWakes is how often pushes have a reload looked at right away. Qlik sends two
// or three for each; more of them wait for their turn among the polls, so that
// whoever forges them gains nothing.
const mostWakes = 4

// pushedLately is for how long after a push the loop turns fast.
const pushedLately = time.Second

// pushed is the subject of what Qlik says of a tenant's reloads.
func (d *Desk) pushed(tenant string) string { return d.subject + "." + tenant + ".pushed" }

// Push tells the dispatcher of a tenant, on whichever replica it works, that Qlik
// says a reload is over. It goes past the journal and waits for nobody; a push that
// no dispatcher hears is lost.
func (d *Desk) Push(tenant, reload string) error {
	if err := d.conn.Publish(d.pushed(tenant), []byte(reload)); err != nil {
		return fmt.Errorf("push reload %s: %w", reload, err)
	}
	return nil
}

// hear passes pushes for a tenant to a channel until ctx ends.
func (d *Desk) hear(ctx context.Context, tenant string, out chan<- string) error {
	subscription, err := d.conn.Subscribe(d.pushed(tenant), func(msg *nats.Msg) {
		select {
		case out <- string(msg.Data):
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("listen for pushes: %w", err)
	}
	<-ctx.Done()
	return subscription.Unsubscribe()
}

// attend takes in every push and report that has come: before the journal's backlog,
// whose length must not matter to them.
func (t *term) attend() {
	for range mostPushes {
		select {
		case reload := <-t.pushes:
			t.settled(reload)
		case report := <-t.reports:
			t.take(report)
		default:
			return
		}
		t.urgent = true
	}
}

// settled takes in a push.
func (t *term) settled(reload string) {
	t.pushed = time.Now()
	t.scheduler.Settled(t.pushed, qlik.Reload{ID: reload})
}

// room is how many runs are touched, and for how long, before the next write: little for
// a while after a push, so that neither the look at Qlik that it asks for nor the outcome
// behind it waits for a large one.
func (t *term) room() (runs int, within time.Duration) {
	if time.Since(t.pushed) < pushedLately {
		return mostTouchedPushed, admitForPushed
	}
	return mostTouched, admitFor
}
