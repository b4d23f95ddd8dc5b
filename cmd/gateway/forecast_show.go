package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik"
)

// A forecastResult is what would become of a trace at all tenants.
type forecastResult struct {
	recording recording
	outages   []bridge.Span
	names     map[string]string // of apps, by id
	tenants   []tenantForecast
}

// A tenantForecast is what would become of it at one.
type tenantForecast struct {
	bridge.Prediction
	name   string
	limits bridge.Limits
}

// forecastTotals are what `gateway forecast --json` prints.
type forecastTotals struct {
	Triggers  int     `json:"triggers"`
	Runs      int     `json:"runs"`
	Reloads   int     `json:"reloads"`
	Saved     int     `json:"saved"`      // had every trigger that a reload covers been a run of its own, so many more
	WaitP50   float64 `json:"wait_p50"`   // seconds
	WaitP99   float64 `json:"wait_p99"`   // seconds
	WaitMax   float64 `json:"wait_max"`   // seconds
	QuotaPeak int     `json:"quota_peak"` // most reload calls to one tenant within any minute
}

func (r forecastResult) totals() forecastTotals {
	var sum forecastTotals
	var waits []time.Duration
	for _, t := range r.tenants {
		sum.Triggers += t.Triggers
		sum.Runs += t.Runs
		sum.Reloads += len(t.Reloads)
		sum.Saved += max(0, t.Asked-len(t.Reloads))
		sum.QuotaPeak = max(sum.QuotaPeak, most(t.Calls, time.Minute))
		waits = append(waits, t.waits()...)
	}
	slices.Sort(waits)
	sum.WaitP50, sum.WaitP99, sum.WaitMax = share(waits, 50).Seconds(), share(waits, 99).Seconds(), share(waits, 100).Seconds()
	return sum
}

// waits returns how long the triggers waited, ascending.
func (t tenantForecast) waits() []time.Duration {
	waits := make([]time.Duration, len(t.Waits))
	for i, w := range t.Waits {
		waits[i] = w.Wait
	}
	slices.Sort(waits)
	return waits
}

// share returns what so many percent of ascending durations do not exceed; 0 when
// there are none.
func share(ascending []time.Duration, percent int) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	return ascending[max(0, (len(ascending)*percent+99)/100-1)]
}

// most returns how many of ascending times lie within any span of a length.
func most(ascending []time.Time, length time.Duration) int {
	highest, first := 0, 0
	for i, at := range ascending {
		for at.Sub(ascending[first]) >= length {
			first++
		}
		highest = max(highest, i-first+1)
	}
	return highest
}

// table says it for people.
func (r forecastResult) table() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s", count(r.recording.events, "event"))
	for _, note := range []struct {
		n    int
		what string
	}{
		{r.recording.unmatched, "matched by no rule"}, {r.recording.doubles, "came before"},
		{r.recording.factless, "not understood by their source's preset"},
	} {
		if note.n > 0 {
			fmt.Fprintf(&text, ", %d %s", note.n, note.what)
		}
	}
	text.WriteString("\n")
	for _, t := range r.tenants {
		text.WriteString(r.tenantTable(t))
	}
	return text.String()
}

func (r forecastResult) tenantTable(t tenantForecast) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\ntenant %s\n", t.name)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	waits := t.waits()
	rate := t.limits.Quota[qlik.ClassReload]
	row := func(cells ...any) {
		_, _ = fmt.Fprintln(table, strings.TrimSuffix(fmt.Sprintf(strings.Repeat("%v\t", len(cells)), cells...), "\t"))
	}
	row("  triggers", t.Triggers)
	row("  runs", fmt.Sprintf("%d (%s)", t.Runs, statesOf(t.States)))
	row("  reloads", fmt.Sprintf("%d, saved %d", len(t.Reloads), max(0, t.Asked-len(t.Reloads))))
	row("  wait", fmt.Sprintf("p50 %s, p99 %s, max %s", short(share(waits, 50)), short(share(waits, 99)), short(share(waits, 100))))
	row("  quota", fmt.Sprintf("%d reload calls in the busiest minute, %d per %s are allowed", most(t.Calls, time.Minute), rate.Calls, short(rate.Per)))
	if t.Uncovered > 0 {
		row("  not reloaded", fmt.Sprintf("%s of runs that ended before", count(t.Uncovered, "trigger")))
	}
	if t.Unplanned > 0 {
		row("  dead letters", t.Unplanned)
	}
	for _, open := range t.Open {
		row("  breaker open", fmt.Sprintf("%s, for %s", open.From.UTC().Format(time.DateTime), short(open.To.Sub(open.From))))
	}
	if t.limits.DailyBudget > 0 {
		row("  budget", fmt.Sprintf("%d reloads in the busiest 24 hours, %d are allowed", most(startsOf(t.Reloads), day), t.limits.DailyBudget))
	}
	if !t.End.IsZero() {
		row("  drained", t.End.UTC().Format(time.DateTime))
	}
	table.Flush() //nolint:errcheck // into memory
	text.WriteString("\n")
	row("  APP", "TRIGGERS", "RELOADS", "IN 24 H", "BUDGET")
	for _, app := range t.apps() {
		row("  "+r.called(app.id), app.triggers, app.reloads, app.daily, cmp.Or(map[bool]string{true: fmt.Sprint(app.budget)}[app.budget > 0], "-"))
	}
	table.Flush() //nolint:errcheck // into memory
	return text.String()
}

// day is how far back a budget counts.
const day = 24 * time.Hour

// An appForecast is what would become of one app.
type appForecast struct {
	id                string
	triggers, reloads int
	daily             int // most reloads within 24 hours
	budget            int // of these; 0 = no limit
}

// apps returns the apps, those with most reloads first.
func (t tenantForecast) apps() []appForecast {
	starts := map[string][]time.Time{}
	for _, reload := range t.Reloads {
		starts[reload.App] = append(starts[reload.App], reload.At)
	}
	ids := maps.Clone(t.Apps)
	for id := range starts {
		ids[id] += 0
	}
	list := []appForecast{}
	for id, triggers := range ids {
		budget := t.limits.Apps[strings.ToLower(id)].DailyBudget
		list = append(list, appForecast{id: id, triggers: triggers, reloads: len(starts[id]), daily: most(starts[id], day), budget: budget})
	}
	slices.SortFunc(list, func(a, b appForecast) int {
		return cmp.Or(cmp.Compare(b.reloads, a.reloads), cmp.Compare(b.triggers, a.triggers), cmp.Compare(a.id, b.id))
	})
	return list
}

func startsOf(reloads []bridge.Reloaded) []time.Time {
	starts := make([]time.Time, len(reloads))
	for i, reload := range reloads {
		starts[i] = reload.At
	}
	return starts
}

func statesOf(states map[bridge.RunState]int) string {
	var words []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		words = append(words, fmt.Sprintf("%d %s", states[state], state))
	}
	return cmp.Or(strings.Join(words, ", "), "none")
}

// short writes a duration as people do, to a tenth of a second.
func short(d time.Duration) string {
	text := d.Round(100 * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
