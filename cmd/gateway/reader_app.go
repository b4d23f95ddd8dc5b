package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge"
)

// longestInterval is the longest min_interval: starts are remembered for a day.
const longestInterval = 24 * time.Hour

// appLimits returns what each app is allowed, by its id.
func (r *reader) appLimits() map[string]bridge.AppLimit {
	limits := map[string]bridge.AppLimit{}
	for _, name := range sorted(r.written.Apps) {
		app := r.written.Apps[name]
		limit := bridge.AppLimit{MinInterval: r.duration(app.MinInterval, "apps", name, "min_interval"), DailyBudget: app.DailyBudget}
		if limit == (bridge.AppLimit{}) {
			continue
		}
		if limit.MinInterval > longestInterval {
			r.report(fmt.Sprintf("%s is longer than a day; expected at most 24h", app.MinInterval), "apps", name, "min_interval")
		}
		limits[strings.ToLower(app.ID)] = limit
	}
	return limits
}
