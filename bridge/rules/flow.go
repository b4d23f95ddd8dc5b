package rules

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// duration reads a positive duration at a path of the rule in hand.
func (c *compiler) duration(fallback time.Duration, text string, path ...string) time.Duration {
	if text == "" {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		c.reportAt(path, "%q is not a duration; expected a number with a unit, such as 30s, 5m or 2h", text)
		return fallback
	}
	return d
}

// short writes a duration as people do: 10h, not 10h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// maxGathered is how many events one run can hold.
const maxGathered = 50_000

func (c *compiler) gather(def GatherDefinition) Gather {
	gather := Gather{
		None:  def.None,
		Quiet: c.duration(0, def.Quiet, "gather", "quiet"),
		Max:   c.duration(0, def.Max, "gather", "max"),
		Count: def.Count,
	}
	switch {
	case def.Count < 0 || def.Count > maxGathered:
		c.reportAt([]string{"gather", "count"}, "%d events; expected 1 to %d", def.Count, maxGathered)
	case def.Count > 0 && def.Quiet == "" && def.Max == "":
		c.reportAt([]string{"gather", "count"}, "without max, fewer than %d events wait until the run's deadline; give both, as in {count: 10, max: 5m}", def.Count)
	case def.Max != "" && def.Quiet == "" && def.Count == 0:
		c.reportAt([]string{"gather", "max"}, "does nothing without quiet; give both, as in {quiet: 30s, max: 5m}")
	case gather.Max > 0 && gather.Quiet > gather.Max:
		c.reportAt([]string{"gather", "quiet"}, "%s is longer than max (%s)", def.Quiet, def.Max)
	case gather.Quiet > 0 && def.Max == "" && def.Count == 0:
		c.reportAt([]string{"gather", "quiet"}, "without max a steady stream of events puts the run off until its deadline")
		c.problems[len(c.problems)-1].Warning = true
	}
	return gather
}

// Priorities of a plan, as Plan.Priority has them.
const (
	priorityHigh = iota
	priorityNormal
	priorityLow
)

// priorityOf reads a priority; "" means the fallback, which also stands for a name that
// is none: then the text says what is wrong with it.
func priorityOf(name string, fallback int) (priority int, wrong string) {
	names := []string{priorityHigh: "high", priorityNormal: "normal", priorityLow: "low"}
	if name == "" {
		return fallback, ""
	}
	if priority = slices.Index(names, name); priority < 0 {
		return fallback, unknown("priority", name, names)
	}
	return priority, ""
}

func (c *compiler) priority(name string) int {
	priority, wrong := priorityOf(name, priorityNormal)
	if wrong != "" {
		c.report("priority", "%s", wrong)
	}
	return priority
}

func (c *compiler) retry(def RetryDefinition) Retry {
	retry := Retry{
		Attempts: defaultAttempts,
		Base:     c.duration(defaultBase, def.Base, "retry", "base"),
		Cap:      c.duration(defaultCap, def.Cap, "retry", "cap"),
	}
	switch {
	case def.Attempts < 0 || def.Attempts > maxAttempts:
		c.reportAt([]string{"retry", "attempts"}, "%d attempts; expected 1 to %d", def.Attempts, maxAttempts)
	case def.Attempts > 0:
		retry.Attempts = def.Attempts
	}
	if retry.Base > retry.Cap {
		if def.Cap != "" {
			c.reportAt([]string{"retry", "cap"}, "%s is shorter than base (%s)", def.Cap, short(retry.Base))
		}
		retry.Cap = retry.Base
	}
	c.restarts(&retry, def)
	return retry
}

// restarts says after which ends a reload is started again. One that was canceled is
// not: somebody wanted it to end.
func (c *compiler) restarts(retry *Retry, def RetryDefinition) {
	known := []string{"FAILED", "EXCEEDED_LIMIT"}
	for i, status := range def.On {
		if !slices.Contains(known, status) {
			c.reportAt([]string{"retry", "on", strconv.Itoa(i)}, "%s", unknown("end of a reload", status, known))
		}
	}
	wait := c.duration(defaultWait, def.Wait, "retry", "wait")
	switch {
	case len(def.On) > 0:
		retry.On, retry.Wait = def.On, wait
	case def.Wait != "":
		c.reportAt([]string{"retry", "wait"}, "does nothing without on; give both, as in {on: [FAILED], wait: 5m}")
	}
}
