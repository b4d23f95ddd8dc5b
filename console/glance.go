package console

import (
	"sync"
	"time"

	"github.com/qlikgateway/gateway/bridge"
)

// A glance is what the overview shows of all runs. It is made at most about once in a
// second, however many look: it goes through every run of the last hour.
type glance struct {
	mu      sync.Mutex
	at      time.Time
	flow    bridge.Flow
	trouble []bridge.Summary // held, and what ended badly within the hour
}

// glance returns what became of the runs of the last hour.
func (c *Console) glance(now time.Time) (bridge.Flow, []bridge.Summary) {
	g := &c.lately
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.at) < calm {
		return g.flow, g.trouble
	}
	g.flow, g.trouble = c.index.Flow("", now.Add(-time.Hour)), nil
	counts := c.index.Counts("")
	for _, state := range []bridge.RunState{bridge.RunHeld, bridge.RunFailed, bridge.RunExpired} {
		if counts[state] == 0 {
			continue // a search for none would look at every run
		}
		for _, s := range c.index.List(bridge.RunQuery{State: state, Limit: 5}) {
			if state == bridge.RunHeld || now.Sub(s.Ended) < time.Hour {
				g.trouble = append(g.trouble, s)
			}
		}
	}
	g.at = time.Now()
	return g.flow, g.trouble
}
