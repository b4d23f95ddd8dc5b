package console

import (
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik"
)

// An overview is what the first page shows.
type overview struct {
	Loaded  bool
	Flow    bridge.Flow // of the last hour
	Open    int
	Doing   map[string]int // open runs, by what they do or wait for
	Ended   map[string]int // runs of the last hour, by state
	Waiting int            // open runs that are neither called nor reloading
	Tenants []tenantView
	Recent  []runRow
	Trouble []runRow // ended badly in the last hour, or held
}

// A tenantView is how one tenant stands.
type tenantView struct {
	Tenant
	State  string // closed, open, held; or away when no dispatcher answers
	Error  string
	Status bridge.Status
	Quota  []quotaView
	Chart  templ.Component
	Holder string
	Open   int
	Parked []parkedView
	More   int // runs that wait and are not among Parked
	Pauses []Pause
}

// A parkedView is a run that waits, and what for.
type parkedView struct {
	bridge.Parked
	AppName string
}

// A quotaView is one quota of a tenant.
type quotaView struct {
	bridge.QuotaStatus
	Words string
	Free  int
}

func (c *Console) overviewPage(g *gin.Context) {
	setup, now := c.Setup(), time.Now()
	flow, trouble := c.glance(now)
	view := overview{
		Loaded: c.index.Loaded(), Flow: flow, Trouble: c.rows(g.Request.Context(), now, trouble), Open: c.open(), Doing: map[string]int{}, Ended: map[string]int{},
		Recent: c.rows(g.Request.Context(), now, c.index.List(bridge.RunQuery{Limit: 10})),
	}
	for state, n := range view.Flow.States {
		view.Ended[string(state)] = n
	}
	for _, tenant := range setup.Tenants {
		shown := c.tenantView(g, tenant, now)
		view.Tenants = append(view.Tenants, shown)
		for wait, n := range shown.Status.Waits {
			view.Doing[string(wait)] += n
		}
	}
	view.Waiting = max(0, view.Open-view.Doing[string(bridge.DoingCall)]-view.Doing[string(bridge.DoingReload)])
	c.show(g, page{Title: "Overview", At: "/", Live: true, Own: view.own})
}

func (c *Console) tenantView(g *gin.Context, tenant Tenant, now time.Time) tenantView {
	status := c.status(g.Request.Context(), tenant.Name)
	view := tenantView{Tenant: tenant, Status: status.Status, State: status.Breaker.State}
	for state, n := range c.index.Counts(tenant.Name) {
		if !state.Ended() {
			view.Open += n
		}
	}
	if status.Err != nil {
		view.State, view.Error = "away", status.Err.Error()
	}
	setup := c.Setup()
	for _, parked := range status.Parked {
		view.Parked = append(view.Parked, parkedView{parked, setup.app(parked.App)})
	}
	for wait, n := range status.Waits {
		if wait.Waits() {
			view.More += n
		}
	}
	view.More -= len(view.Parked)
	for _, p := range status.Pauses {
		view.Pauses = append(view.Pauses, setup.pauseOf(tenant.Name, p))
	}
	reloads := 0
	for _, quota := range status.Quota {
		if quota.Class == qlik.ClassReload {
			reloads = int(float64(quota.Calls) * float64(time.Minute) / float64(max(quota.Per, time.Second)))
		}
		words := map[qlik.Class]string{qlik.ClassReload: "reloads", qlik.ClassWrite: "app changes", qlik.ClassRead: "reads"}[quota.Class]
		view.Quota = append(view.Quota, quotaView{QuotaStatus: quota, Words: words, Free: max(0, quota.Calls-quota.Used)})
	}
	view.Chart = callsChart(tenant.Name, c.index.Calls(tenant.Name, now), reloads, now)
	if holder, err := c.Holder(g.Request.Context(), tenant.Name); err == nil {
		view.Holder = holder
	}
	return view
}
