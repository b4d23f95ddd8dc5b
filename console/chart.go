package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Sizes of the chart of calls, in its own units.
const (
	chartWidth  = 720
	chartHeight = 120
	chartFoot   = 18
)

// callsChart draws the reload calls of each of the last 60 minutes below the quota
// that Qlik allows: what is free between is the headroom.
func callsChart(tenant string, calls []int, quota int, now time.Time) templ.Component {
	highest := max(quota, 1)
	for _, n := range calls {
		highest = max(highest, n)
	}
	tall := float64(chartHeight - chartFoot - 14)
	y := func(n int) float64 { return 12 + tall - tall*float64(n)/float64(highest) }
	var b strings.Builder
	total, peak := 0, 0
	for _, n := range calls {
		total, peak = total+n, max(peak, n)
	}
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="Reload calls of %s in the last hour: %d in all, at most %d in a minute; Qlik allows %d a minute">`,
		chartWidth, chartHeight, templ.EscapeString(tenant), total, peak, quota)
	slot := float64(chartWidth) / float64(len(calls))
	for i, n := range calls {
		at := now.Add(time.Duration(i-len(calls)+1) * time.Minute).UTC().Format("15:04")
		class := "bar"
		if quota > 0 && n*10 >= quota*9 {
			class = "bar full"
		}
		fmt.Fprintf(&b, `<rect class="room" x="%.1f" y="12" width="%.1f" height="%.1f"/>`, float64(i)*slot+1, slot-2, tall)
		if n > 0 {
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="1"><title>%s UTC: %d of %d</title></rect>`,
				class, float64(i)*slot+1, min(y(n), 12+tall-3), slot-2, max(tall*float64(n)/float64(highest), 3), at, n, quota)
		}
	}
	fmt.Fprintf(&b, `<line class="limit" x1="0" x2="%d" y1="%.1f" y2="%.1f"/>`, chartWidth, y(quota), y(quota))
	fmt.Fprintf(&b, `<text x="%d" y="9" text-anchor="end">%d a minute allowed</text>`, chartWidth-2, quota)
	for _, back := range []int{60, 45, 30, 15} {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%d min ago</text>`, float64(60-back)*slot+2, chartHeight-4, back)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">now</text></svg>`, chartWidth-2, chartHeight-4)
	return templ.Raw(b.String()) // numbers, and one escaped name
}

// A bar is one span of the chart of a run.
type bar struct {
	Label    string
	Look     string
	From, To time.Time
}

// spansChart draws spans of time below each other.
func spansChart(bars []bar) templ.Component {
	if len(bars) == 0 {
		return templ.NopComponent
	}
	from, to := bars[0].From, bars[0].To
	for _, b := range bars {
		if b.From.Before(from) {
			from = b.From
		}
		if b.To.After(to) {
			to = b.To
		}
	}
	whole := max(to.Sub(from), time.Millisecond)
	const row, left, wide = 24, 150, 560
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart spans" viewBox="0 0 720 %d" role="img" aria-label="Where the %s of this run went; the list below says the same in words">`,
		row*len(bars)+4, took(whole))
	for i, span := range bars {
		x := left + wide*float64(span.From.Sub(from))/float64(whole)
		w := max(wide*float64(span.To.Sub(span.From))/float64(whole), 2)
		fmt.Fprintf(&b, `<text x="0" y="%d">%s</text><rect class="room" x="%d" y="%d" width="%d" height="14"/>`,
			row*i+16, templ.EscapeString(short(span.Label, 22)), left, row*i+5, wide)
		fmt.Fprintf(&b, `<rect class="bar %s" x="%.1f" y="%d" width="%.1f" height="14" rx="2"><title>%s: %s</title></rect>`,
			span.Look, x, row*i+5, w, templ.EscapeString(span.Label), took(span.To.Sub(span.From)))
	}
	b.WriteString(`</svg>`)
	return templ.Raw(b.String()) // numbers, and escaped labels
}

// short cuts a text to so many runes.
func short(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
