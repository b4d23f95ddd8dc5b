package bridge

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// A modelTenant is the tenant of a Forecast: but for its outages it takes every call.
type modelTenant struct {
	took    time.Duration // by each reload
	outages []Span
	reloads map[string]qlik.Reload // that were started and not seen to have ended, by id
	started int
}

// answer completes the report of a command that was sent at a time.
func (m *modelTenant) answer(report *Report, now time.Time) error {
	if slices.ContainsFunc(m.outages, func(outage Span) bool { return outage.holds(now) }) {
		return &qlik.Error{Op: "outage", Status: http.StatusServiceUnavailable, Sent: true}
	}
	command := report.Command
	args := command.Step.Args
	switch command.Kind {
	case KindFind:
		report.Mode, report.Result.AppID = PublishReplace, ResourceID("published "+args.App+" "+args.Space)
	case KindPoll:
		report.Reload = m.reload(command.ReloadID, now)
	case KindCancel:
		m.cancel(command.ReloadID, now)
	case KindCall:
		if command.Step.Action == rules.Reload {
			report.Reload = m.start(args.App, now)
			break
		}
		report.Result = Result{AppID: cmp.Or(args.Target, ResourceID(command.Token)), AppName: args.Name, Replaced: args.Target != ""}
	}
	return nil // a reconcile finds nothing: what an outage refuses has no effect
}

func (m *modelTenant) start(app string, now time.Time) *qlik.Reload {
	m.started++
	reload := qlik.Reload{ID: fmt.Sprint("reload-", m.started), AppID: app, Status: qlik.ReloadReloading, CreationTime: now, StartTime: now}
	m.reloads[reload.ID] = reload
	return &reload
}

// reload is how a reload stands.
func (m *modelTenant) reload(id string, now time.Time) *qlik.Reload {
	reload := m.reloads[id]
	if end := reload.StartTime.Add(m.took); reload.Status == qlik.ReloadReloading && !end.After(now) {
		reload.Status, reload.EndTime = qlik.ReloadSucceeded, end
	}
	if reload.Status.Ended() {
		delete(m.reloads, id)
	}
	return &reload
}

func (m *modelTenant) cancel(id string, now time.Time) {
	if reload := m.reload(id, now); !reload.Status.Ended() {
		reload.Status, reload.EndTime = qlik.ReloadCanceled, now
		m.reloads[id] = *reload
	}
}

// A modelBreaker opens and closes as qlik.Breaker does, in virtual time. It counts
// exactly where that moves its window in steps.
type modelBreaker struct {
	cfg      qlik.BreakerConfig
	failures []time.Time
	open     bool
	since    time.Time
	probeAt  time.Time
}

func newModelBreaker(cfg qlik.BreakerConfig) modelBreaker {
	cfg.Failures = cmp.Or(cfg.Failures, qlik.DefaultBreakerFailures)
	cfg.Over, cfg.Open = cmp.Or(cfg.Over, qlik.DefaultBreakerOver), cmp.Or(cfg.Open, qlik.DefaultBreakerOpen)
	return modelBreaker{cfg: cfg}
}

// answered takes in the answer to a call, and notes in open when the breaker closes.
func (b *modelBreaker) answered(now time.Time, report Report, open *[]Span) {
	failed := report.Verdict.Kind != VerdictDone
	switch {
	case b.open && report.Command.Kind == KindProbe && failed:
		b.probeAt = now.Add(b.cfg.Open)
	case b.open && report.Command.Kind == KindProbe:
		b.note(open, now)
		b.open, b.probeAt = false, time.Time{}
	case !b.open && failed:
		b.failures = slices.DeleteFunc(append(b.failures, now), func(at time.Time) bool { return now.Sub(at) >= b.cfg.Over })
		if len(b.failures) >= b.cfg.Failures {
			b.open, b.since, b.probeAt, b.failures = true, now, now.Add(b.cfg.Open), nil
		}
	}
}

// note adds how long the breaker has been open.
func (b *modelBreaker) note(open *[]Span, now time.Time) {
	if b.open {
		*open = append(*open, Span{From: b.since, To: now})
	}
}
