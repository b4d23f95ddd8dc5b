package bridge_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

var pushBacklog = flag.Int("pushes.backlog", 1000, "triggers on the journal before the pushes come")

// TestPushIsToldBeforeTheBacklog measures the time from a push to its outcome while
// the dispatcher works off a backlog; -v shows it.
func TestPushIsToldBeforeTheBacklog(t *testing.T) {
	t.Parallel()
	const pushes = 200
	unlimited := sim.Quota{Reload: sim.Limit{Calls: -1}, Write: sim.Limit{Calls: -1}, Read: sim.Limit{Calls: -1}}
	r := newRig(t, sim.Config{ReloadTime: 30 * time.Minute, Seed: 1, Quota: unlimited}, `[
		{"name":"push","on":["etl"],"when":"has(data.pushed)","app":"${data.pushed}","gather":"none","do":["reload"]},
		{"name":"backlog","on":["etl"],"when":"has(data.waiting)","app":"$Sales","gather":"none","do":["reload"]}]`)
	rate := bridge.Rate{Calls: 10_000, Per: time.Minute}
	r.limits.Quota = map[qlik.Class]bridge.Rate{qlik.ClassReload: rate, qlik.ClassRead: rate, qlik.ClassWrite: rate}
	r.limits.Poll = time.Hour
	stop := r.dispatch()
	for i := range pushes {
		app, err := r.client.CreateApp(t.Context(), qlik.AppCreate{Name: fmt.Sprint("pushed ", i)})
		r.must(err)
		r.send(fmt.Sprintf(`{"pushed":%q}`, app.ID))
	}
	for range pushes {
		r.until("reload.queued")
	}
	stop()
	for range *pushBacklog {
		r.send(`{"waiting":1}`)
	}
	looks := r.called("getReload", 200)
	r.dispatch()
	if *pushBacklog > 0 {
		r.until("reload.queued") // of the backlog: it is being worked off
	}
	r.eventually(func() bool { return r.called("getReload", 200) >= looks+pushes }) // a take-over looks at each once
	r.tenant.Advance(31 * time.Minute)
	desk := r.desk()
	var took []time.Duration
	told := func(reload string) bool {
		return slices.ContainsFunc(r.seen, func(outcome event.Event) bool {
			return strings.HasSuffix(outcome.Type(), "reload.succeeded") && strings.Contains(string(outcome.Data()), reload)
		})
	}
	for _, reload := range r.tenant.State().Reloads[:pushes] {
		began := time.Now()
		r.must(desk.Push("acme", reload.ID))
		for !told(reload.ID) {
			r.until("reload.succeeded")
		}
		took = append(took, time.Since(began))
	}
	status, err := desk.Status(t.Context(), "acme")
	r.must(err)
	last, err := r.journal.Last(t.Context(), "acme")
	r.must(err)
	slices.Sort(took)
	t.Logf("backlog %d, %d of it left after %d pushes: median %s, p99 %s, longest %s", *pushBacklog, last-status.Cursor,
		len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-5:])
	if p99 := took[len(took)*99/100]; p99 > 5*time.Second {
		t.Errorf("99 of 100 pushes are told within %s", p99)
	}
}
