package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik"
)

// Of the drawing, in pixels.
const (
	drawnWidth  = 960
	drawnLeft   = 70 // of the axis
	drawnRight  = 930
	panelHeight = 120
	panelSpace  = 56 // between two panels
	barHeight   = 18
	mostBars    = 20
	drawnSlices = 215 // of time
)

// A drawing grows downwards.
type drawing struct {
	strings.Builder
	y        int
	from, to time.Time
	outages  []bridge.Span
}

// draw returns the forecast as an SVG: of each tenant the triggers and reloads, the
// use of the quota, the waiting times, and the apps.
func (r forecastResult) draw() string {
	d := &drawing{outages: r.outages}
	for _, t := range r.tenants {
		if t.Triggers > 0 {
			d.tenant(r, t)
		}
	}
	height := d.y + 20
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="#333">
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, drawnWidth, height, drawnWidth, height, d.String())
}

func (d *drawing) tenant(r forecastResult, t tenantForecast) {
	d.from, d.to = r.recording.began(), t.End
	if !d.to.After(d.from) {
		d.to = d.from.Add(time.Minute)
	}
	d.y += 30
	d.text(10, d.y, "start", fmt.Sprintf("%s: %s, %s, %s saved", t.name, count(t.Triggers, "trigger"), count(len(t.Reloads), "reload"), fmt.Sprint(max(0, t.Asked-len(t.Reloads)))))
	triggers, waits := d.empty(), d.empty()
	for _, trigger := range r.recording.triggers[t.name] {
		triggers[d.slice(trigger.Event.Time)] += float64(len(trigger.Rules))
	}
	for _, w := range t.Waits {
		i := d.slice(w.At)
		waits[i] = max(waits[i], w.Wait.Seconds())
	}
	reloads := d.empty()
	for _, reload := range t.Reloads {
		reloads[d.slice(reload.At)]++
	}
	each := short(d.to.Sub(d.from) / drawnSlices)
	d.panel("triggers (grey) and reloads (blue) each "+each, 0, line{"#999", triggers}, line{"#1565c0", reloads})
	rate := t.limits.Quota[qlik.ClassReload]
	d.panel(fmt.Sprintf("reload calls per minute; %d per %s are allowed (red)", rate.Calls, short(rate.Per)), float64(rate.Calls), line{"#1565c0", d.perMinute(t.Calls)})
	d.panel("longest wait of the triggers that came then and were covered by a reload, seconds", 0, line{"#ef6c00", waits})
	d.apps(r, t)
}

// A line is one value for each slice of time.
type line struct {
	colour string
	values []float64
}

func (d *drawing) empty() []float64 { return make([]float64, drawnSlices) }

// slice returns which slice of time a moment lies in.
func (d *drawing) slice(at time.Time) int {
	return min(drawnSlices-1, max(0, int(float64(at.Sub(d.from))/float64(d.to.Sub(d.from))*drawnSlices)))
}

// perMinute returns for each slice the calls of its busiest minute, counted back from
// each call.
func (d *drawing) perMinute(calls []time.Time) []float64 {
	values, first := d.empty(), 0
	for i, at := range calls {
		for at.Sub(calls[first]) >= time.Minute {
			first++
		}
		values[d.slice(at)] = max(values[d.slice(at)], float64(i-first+1))
	}
	return values
}

// panel draws lines over time, and a limit unless it is 0.
func (d *drawing) panel(title string, limit float64, lines ...line) {
	d.y += panelSpace
	top, bottom := d.y, d.y+panelHeight
	highest := max(limit, 1)
	for _, l := range lines {
		highest = max(highest, slices.Max(l.values))
	}
	height := func(value float64) float64 { return float64(bottom) - value/highest*panelHeight }
	d.text(drawnLeft, top-8, "start", title)
	for _, outage := range d.outages {
		from, to := d.x(outage.From), d.x(outage.To)
		fmt.Fprintf(d, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#fdd"><title>outage</title></rect>`+"\n", from, top, max(1, to-from), panelHeight)
	}
	fmt.Fprintf(d, `<path d="M%d %dV%dH%d" fill="none" stroke="#999"/>`+"\n", drawnLeft, top, bottom, drawnRight)
	d.text(drawnLeft-6, top+10, "end", fmt.Sprintf("%.0f", highest))
	d.text(drawnLeft-6, bottom, "end", "0")
	if limit > 0 {
		fmt.Fprintf(d, `<path d="M%d %.1fH%d" stroke="#c62828" stroke-dasharray="4 3"/>`+"\n", drawnLeft, height(limit), drawnRight)
	}
	for _, l := range lines {
		fmt.Fprintf(d, `<path fill="%s" fill-opacity=".65" d="M%d %d`, l.colour, drawnLeft, bottom)
		for i, value := range l.values {
			fmt.Fprintf(d, "V%.1fH%d", height(value), drawnLeft+(i+1)*(drawnRight-drawnLeft)/drawnSlices)
		}
		fmt.Fprintf(d, `V%dZ"/>`+"\n", bottom)
	}
	for i := range 5 {
		at := d.from.Add(d.to.Sub(d.from) * time.Duration(i) / 4)
		d.text(drawnLeft+i*(drawnRight-drawnLeft)/4, bottom+14, []string{"start", "middle", "middle", "middle", "end"}[i], at.UTC().Format("01-02 15:04:05"))
	}
	d.y = bottom
}

// x returns where a moment is drawn.
func (d *drawing) x(at time.Time) float64 {
	part := float64(at.Sub(d.from)) / float64(d.to.Sub(d.from))
	return drawnLeft + min(1, max(0, part))*(drawnRight-drawnLeft)
}

// apps draws the busiest apps: triggers behind reloads, and the use of budgets.
func (d *drawing) apps(r forecastResult, t tenantForecast) {
	apps := t.apps()
	shown := apps[:min(len(apps), mostBars)]
	most := 1
	for _, app := range shown {
		most = max(most, app.triggers, app.reloads)
	}
	d.y += panelSpace
	d.text(drawnLeft, d.y-8, "start", fmt.Sprintf("triggers (grey) and reloads (blue) of %d of %s; the most within 24 hours, and the budget", len(shown), count(len(apps), "app")))
	const left, width = 340, 380
	for _, app := range shown {
		d.text(left-8, d.y+13, "end", r.called(app.id))
		for _, bar := range []line{{"#ccc", []float64{float64(app.triggers)}}, {"#1565c0", []float64{float64(app.reloads)}}} {
			fmt.Fprintf(d, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, d.y+2, bar.values[0]/float64(most)*width, barHeight-4, bar.colour)
		}
		used, colour := fmt.Sprintf("%d / %d, %d in 24 h", app.triggers, app.reloads, app.daily), "#333"
		if app.budget > 0 {
			used += fmt.Sprintf(" of %d", app.budget)
			if app.daily >= app.budget {
				colour = "#c62828"
			}
		}
		fmt.Fprintf(d, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+width+8, d.y+13, colour, used)
		d.y += barHeight
	}
}

func (d *drawing) text(x, y int, anchor, text string) {
	fmt.Fprintf(d, `<text x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}
