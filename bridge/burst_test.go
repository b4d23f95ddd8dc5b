package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// Of the tenant in a burst.
const (
	burstAnswer = 50 * time.Millisecond // each call takes
	burstReload = 20 * time.Second      // each reload takes
)

// A burst drives a scheduler and a tenant to the end of all runs, in virtual time.
type burst struct {
	*timeline
	plans   []rules.Plan
	events  int           // of which the next is admitted
	every   time.Duration // between two events
	began   time.Time
	flying  []flight
	reloads []qlik.Reload // that the tenant was asked for
	ended   []*Run
}

// run lets the events come, restarting at given times after the first, and returns
// how long after the first event the last reload began.
func (b *burst) run(events int, restarts ...time.Duration) time.Duration {
	b.t.Helper()
	for {
		for b.events < events && !b.now.Before(b.began.Add(time.Duration(b.events)*b.every)) {
			b.trigger(b.plans[b.events%len(b.plans)])
			b.events++
		}
		again := b.pump()
		if b.events < events {
			again = earlier(again, b.began.Add(time.Duration(b.events)*b.every))
		}
		if len(b.flying) > 0 {
			again = earlier(again, b.flying[0].at.Add(burstAnswer))
		}
		if again.IsZero() {
			return b.reloads[len(b.reloads)-1].CreationTime.Sub(b.began)
		}
		if len(restarts) > 0 && again.After(b.began.Add(restarts[0])) {
			b.now = b.began.Add(restarts[0])
			restarts = restarts[1:]
			b.crash()
			continue
		}
		b.now = again
		for len(b.flying) > 0 && !b.flying[0].at.Add(burstAnswer).After(b.now) {
			landed := b.flying[0]
			b.flying = b.flying[1:]
			b.s.Done(b.now, landed.report)
		}
	}
}

// pump sends what may be sent, writes, and forgets what ended.
func (b *burst) pump() (again time.Time) {
	for {
		command, at := b.s.Next(b.now)
		if command.Kind == KindNone {
			again = at
			break
		}
		b.flying = append(b.flying, flight{command: command, at: b.now, report: b.answer(command)})
	}
	for _, run := range b.s.Touched() {
		if b.s.Told(run.ID) {
			b.ended = append(b.ended, run)
		}
	}
	for _, record := range b.s.Learned() {
		b.apps[record.App] = record
	}
	return again
}

// answer is what the tenant makes of a call when it is sent.
func (b *burst) answer(command Command) Report {
	report := Report{Command: command, Sent: true, Began: b.now, QlikTime: b.now, Verdict: Verdict{Kind: VerdictDone}}
	for i := range b.reloads {
		if reload := &b.reloads[i]; b.now.Sub(reload.CreationTime) >= burstReload {
			reload.Status, reload.EndTime = qlik.ReloadSucceeded, reload.CreationTime.Add(burstReload)
		}
	}
	app := command.Step.Args.App
	switch command.Kind {
	case KindCall:
		b.reloads = append(b.reloads, qlik.Reload{ID: fmt.Sprint("r", len(b.reloads)), AppID: app, Status: qlik.ReloadReloading, CreationTime: b.now, StartTime: b.now})
		reload := b.reloads[len(b.reloads)-1]
		report.Reload = &reload
	case KindPoll:
		i := slices.IndexFunc(b.reloads, func(r qlik.Reload) bool { return r.ID == command.ReloadID })
		reload := b.reloads[i]
		report.Reload = &reload
	case KindReconcile:
		report.Listed = slices.DeleteFunc(slices.Clone(b.reloads), func(r qlik.Reload) bool { return r.AppID != app })
	default:
		b.t.Fatalf("unforeseen %s", command.Kind)
	}
	return report
}

// crash loses every answer on its way, and begins again with what is on record.
func (b *burst) crash() {
	b.t.Helper()
	b.flying = nil
	held := b.held()
	data, err := json.Marshal(b.ended)
	if err == nil {
		err = json.Unmarshal(data, &held.Recent)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.boot(held)
}

func newBurst(t *testing.T, apps int) *burst {
	t.Helper()
	b := &burst{timeline: newTimeline(t, Snapshot{}), every: time.Millisecond}
	b.limits.Alone = true
	b.boot(Snapshot{})
	b.began = b.now
	for i := range apps {
		plan := planOf("refresh", fmt.Sprint("app-", i), rules.Reload)
		plan.Gather = rules.Gather{Quiet: 5 * time.Second}
		b.plans = append(b.plans, plan)
	}
	return b
}

// TestTenThousandEventsAreAHundredReloads holds that 10,000 events within 10 seconds
// for 100 apps are one reload of each, as fast as 50 a minute allow: the second half
// a minute after the first, and nothing of that is forgotten by restarts. An answer
// that a restart loses costs what its call may be late, since it counts until then.
func TestTenThousandEventsAreAHundredReloads(t *testing.T) {
	t.Parallel()
	const gathered, minute = 14900 * time.Millisecond, time.Minute // the first app's last event came after 9.9 s
	for name, test := range map[string]struct {
		restarts []time.Duration
		longer   time.Duration // than the quota asks for
	}{
		"without a restart": {nil, 0},
		"with restarts between calls": {[]time.Duration{
			3 * time.Second, 9990 * time.Millisecond, 14 * time.Second, 30 * time.Second, 70 * time.Second, 100 * time.Second,
		}, 0},
		"with restarts that lose answers": {[]time.Duration{14960 * time.Millisecond, 15260 * time.Millisecond}, DefaultLimits().Grace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBurst(t, 100)
			drained := b.run(10_000, test.restarts...) - gathered
			least := minute + test.longer
			t.Logf("%d reloads; the last began %s after the first might", len(b.reloads), drained)
			if drained < minute || drained > least+least*2/100 {
				t.Errorf("the last reload began %s after the first might; want %s within 2 %%", drained, least)
			}
			apps := map[string]bool{}
			for i, reload := range b.reloads {
				apps[reload.AppID] = true
				if i >= 50 && reload.CreationTime.Sub(b.reloads[i-50].CreationTime) < minute {
					t.Errorf("reload %d began within a minute of 50 others", i)
				}
			}
			causes := 0
			for _, run := range b.ended {
				causes += run.Causes.Count
				if run.State != RunSucceeded {
					t.Errorf("run %s %s", run.ID, run.State)
				}
			}
			if len(b.reloads) != 100 || len(apps) != 100 || len(b.ended) != 100 || causes != 10_000 {
				t.Errorf("%d reloads of %d apps in %d runs for %d events; want 100, 100, 100 and 10000", len(b.reloads), len(apps), len(b.ended), causes)
			}
		})
	}
}
