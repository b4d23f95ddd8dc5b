package console

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
)

// runsOnPage is how many runs one page lists.
const runsOnPage = 50

// A runRow is one run in a list.
type runRow struct {
	bridge.Summary
	AppName string
	Took    time.Duration // from its first cause to its end, or to now
	Elapsed time.Duration // of the reload that runs now
	Percent int           // of its usual duration, at most 99; 0 = not known
	Wait    bridge.Wait   // what it waits for; "" = nothing, or its tenant does not name it
}

func (c *Console) rows(ctx context.Context, now time.Time, list []bridge.Summary) []runRow {
	setup, waits := c.Setup(), c.waiting(ctx)
	out := make([]runRow, 0, len(list))
	for _, s := range list {
		r := row(setup, now, s)
		if s.Ended.IsZero() {
			if parked := waits(s.Tenant, s.ID); parked != nil {
				r.Wait = parked.Wait
			}
		}
		out = append(out, r)
	}
	return out
}

func row(setup *Setup, now time.Time, s bridge.Summary) runRow {
	r := runRow{Summary: s, AppName: setup.app(s.App), Took: now.Sub(s.Opened)}
	if !s.Ended.IsZero() {
		r.Took = s.Ended.Sub(s.Opened)
	}
	if !s.Began.IsZero() {
		r.Elapsed = max(0, now.Sub(s.Began))
		if s.Usual > 0 {
			r.Percent = min(99, max(1, int(100*r.Elapsed/s.Usual)))
		}
	}
	return r
}

// A runsView is what the page of runs shows.
type runsView struct {
	Loaded   bool
	Query    bridge.RunQuery
	Filtered bool
	Runs     []runRow
	Next     string // address of the next page
	First    string // address of the first page, when this is another
	States   []stateTab
	Tenants  []string
	Rules    []string
	Apps     []choice
	Reasons  []events.Reason
}

// A choice is one value of a filter, and what it is called.
type choice struct{ Value, Name string }

// A stateTab chooses the runs of one state.
type stateTab struct {
	State bridge.RunState
	Count int
	Link  string
	Here  bool
}

func (c *Console) runsPage(g *gin.Context) {
	query, err := c.runQuery(g)
	if err != nil {
		query = bridge.RunQuery{}
	}
	query.Limit = runsOnPage
	setup := c.Setup()
	view := runsView{
		Loaded: c.index.Loaded(), Query: query, Filtered: query.Tenant+query.Rule+query.App+string(query.State)+string(query.Reason) != "", Reasons: events.Reasons(),
		Runs: c.rows(g.Request.Context(), time.Now(), c.index.List(query)), States: c.stateTabs(query),
	}
	if len(view.Runs) == runsOnPage {
		next := query
		next.Before = view.Runs[runsOnPage-1].ID
		view.Next = runsLink(next)
	}
	if query.Before != "" {
		first := query
		first.Before = ""
		view.First = runsLink(first)
	}
	for _, tenant := range setup.Tenants {
		view.Tenants = append(view.Tenants, tenant.Name)
	}
	for _, rule := range setup.Rules {
		view.Rules = append(view.Rules, rule.Name)
	}
	for id, name := range setup.Apps {
		view.Apps = append(view.Apps, choice{id, name})
	}
	slices.SortFunc(view.Apps, func(a, b choice) int { return strings.Compare(a.Name, b.Name) })
	c.show(g, page{Title: "Runs", At: "/runs", Live: query.Before == "", Lead: view.lead, Own: view.own})
}

// stateTabs offers every state there is a run of.
func (c *Console) stateTabs(query bridge.RunQuery) []stateTab {
	counts := c.index.Counts(query.Tenant)
	all, states := 0, []stateTab{}
	for _, state := range []bridge.RunState{
		bridge.RunGathering, bridge.RunReady, bridge.RunRunning, bridge.RunHeld,
		bridge.RunSucceeded, bridge.RunFailed, bridge.RunCanceled, bridge.RunExpired,
	} {
		all += counts[state]
		if counts[state] == 0 && query.State != state {
			continue
		}
		of := query
		of.State, of.Before = state, ""
		states = append(states, stateTab{state, counts[state], runsLink(of), query.State == state})
	}
	of := query
	of.State, of.Before = "", ""
	return append([]stateTab{{"", all, runsLink(of), query.State == ""}}, states...)
}

// runsLink returns the address of the page of the runs that a query chooses.
func runsLink(q bridge.RunQuery) string {
	values := url.Values{}
	for name, value := range map[string]string{
		"tenant": q.Tenant, "rule": q.Rule, "app": q.App, "state": string(q.State), "reason": string(q.Reason), "before": q.Before,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return "/runs"
	}
	return "/runs?" + values.Encode()
}
