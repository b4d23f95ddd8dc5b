package console

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events"
)

// A view is one entry of the menu.
type view struct{ Path, Name string }

func menu() []view {
	return []view{{"/", "Overview"}, {"/runs", "Runs"}, {"/events", "Events"}, {"/rules", "Rules"}, {"/sources", "Sources"}, {"/tenants", "Tenants"}, {"/dead", "Dead letters"}}
}

// runLink returns the address of a run's page.
func runLink(id string) string { return "/runs/" + url.PathEscape(id) }

// logLink returns the address of the log of a run's reload.
func logLink(run, step string) string {
	return "/api/v1" + runLink(run) + "/log?step=" + url.QueryEscape(step)
}

// participle returns what became of something, from a short type of event.
func participle(short string) string {
	_, participle, _ := strings.Cut(short, ".")
	if same, ok := map[string]string{"exceeded_limit": "failed", "opened": "open", "started": "running", "released": "succeeded"}[participle]; ok {
		return same
	}
	return participle
}

// took says a duration as people do: 42 s, 3 min 5 s, 2 h 10 min.
func took(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 10*time.Minute && int(d.Seconds())%60 > 0:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// coarse says a duration in its largest unit.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

func ago(at time.Time) string {
	if d := time.Since(at); d >= 2*time.Second {
		return coarse(d) + " ago"
	}
	return "just now"
}

func until(at time.Time) string {
	d := time.Until(at)
	if d > time.Minute {
		d = d.Round(time.Minute) // two hours and no second less are not "in 1 h"
	}
	if d < time.Second {
		return "now"
	}
	return "in " + coarse(d)
}

func exact(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05.000 UTC") }
func clock(at time.Time) string { return at.UTC().Format("15:04:05.000") }
func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// look returns the style of a state, of runs, steps and breakers alike.
func look(state string) string {
	switch state {
	case "succeeded", "closed":
		return "good"
	case "failed", "expired", "open":
		return "bad"
	case "held", "unknown", "away", "paused":
		return "warn"
	case "running", "calling", "submitted":
		return "busy"
	}
	return "calm"
}

// sign returns the mark of a state, so that color is never the only one.
func sign(state string) string {
	switch look(state) {
	case "good":
		return "✓"
	case "bad":
		return "✗"
	case "warn":
		return "!"
	case "busy":
		return "▸"
	}
	return "·"
}

// waits says what an open run waits for.
func waits(wait bridge.Wait) string {
	return map[bridge.Wait]string{
		bridge.WaitGather: "more triggers to gather", bridge.WaitParts: "parts of its join", bridge.WaitBreaker: "Qlik to answer (the breaker is open)",
		bridge.WaitHeld: "credentials that Qlik takes", bridge.WaitPause: "the end of a pause", bridge.WaitApp: "the app, which another run has",
		bridge.WaitQuota: "its turn within Qlik's quota", bridge.WaitRetry: "its next try",
		bridge.WaitInterval: "the app's min_interval", bridge.WaitBudget: "the daily budget",
		bridge.WaitPerson: "somebody's decision", bridge.DoingCall: "a call is under way",
		bridge.DoingReload: "Qlik reloads the app", bridge.DoingEnd: "its outcome is being told",
		bridge.WaitNobody: "a dispatcher, none works for the tenant now",
	}[wait]
}

// Waiting says in words what the run waits for, and until when; "" when it does not wait.
func (r Run) Waiting() string {
	if r.Waits == nil {
		return ""
	}
	text := waits(r.Waits.Wait)
	cause := r.Waits.Cause
	if r.Waits.Wait == bridge.WaitRetry {
		cause = reasonWords(events.Reason(cause))
	}
	if because := cmp.Or(r.Waits.Other, cause, strings.Join(r.Waits.Missing, ", ")); because != "" {
		text += ": " + because
	}
	switch at := r.Waits.Until; {
	case at.IsZero():
	case r.Waits.Wait == bridge.WaitPerson:
		text += "; without a word it ends " + until(at)
	default:
		text += ", next look " + until(at)
	}
	return text
}

func reasonWords(reason events.Reason) string { return strings.ReplaceAll(string(reason), "_", " ") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
