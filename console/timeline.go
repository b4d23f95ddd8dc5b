package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A Hop is one thing that happened to a run, in the order of time.
type Hop struct {
	At    time.Time     `json:"at"`
	Since time.Duration `json:"-"` // after the hop before it
	Text  string        `json:"text"`
	Note  string        `json:"note,omitempty"`
	Look  string        `json:"-"`
}

// timeline tells a run from its first trigger to its last published outcome.
func timeline(setup *Setup, run *bridge.Run, causes []causeView, told []Told) []Hop {
	opening := "the first trigger was accepted"
	if len(causes) > 0 && causes[0].Source != "" {
		opening = fmt.Sprintf("%s from source %s was accepted", strings.TrimPrefix(causes[0].Type, events.TypePrefix), causes[0].Source)
	}
	line := []Hop{{At: run.Opened, Text: opening, Note: "event " + run.Causes.First(), Look: "calm"}}
	if run.Causes.Count > 1 {
		line = append(line, Hop{At: run.Newest, Text: fmt.Sprintf("the last of %d triggers joined", run.Causes.Count), Note: "event " + run.Causes.Newest(), Look: "calm"})
	}
	for i := range run.Steps {
		line = append(line, stepHops(setup, run, i)...)
	}
	for _, order := range run.Interventions {
		text := "an operator resolved the open step as " + order.As
		if order.Op == bridge.OpCancel {
			text = "an operator cancelled the run"
		}
		line = append(line, Hop{At: order.At, Text: text, Note: order.By, Look: "warn"})
	}
	if !run.Ended.IsZero() {
		line = append(line, Hop{At: run.Ended, Text: "the run ended: " + string(run.State), Note: run.Error, Look: look(string(run.State))})
	}
	for _, t := range told {
		line = append(line, Hop{At: t.Time, Text: "published " + t.Short(), Note: fmt.Sprintf("outcome %d", t.Sequence), Look: "calm"})
	}
	slices.SortStableFunc(line, func(a, b Hop) int { return cmp.Compare(a.At.UnixMilli(), b.At.UnixMilli()) })
	for i := 1; i < len(line); i++ {
		line[i].Since = line[i].At.Sub(line[i-1].At)
	}
	return line
}

// appIn names an app that a run is about; one that the run itself copied has no other
// name.
func appIn(setup *Setup, run *bridge.Run, id string) string {
	for i, step := range run.Plan.Steps {
		if made := run.Steps[i].Result.AppID; step.Action == rules.Copy && made == id && id != "" {
			return cmp.Or(setup.Apps[id], "the copy of "+appIn(setup, run, step.Args.App))
		}
	}
	return setup.app(id)
}

func stepHops(setup *Setup, run *bridge.Run, i int) []Hop {
	plan, step := run.Plan.Steps[i], &run.Steps[i]
	what, of := string(plan.Action), plan.Name
	if app := appIn(setup, run, plan.Args.App); app != "" {
		what, of = what+" "+app, of+" of "+app
	}
	var line []Hop
	for n, attempt := range step.Attempts {
		text := "asked Qlik to " + what
		if n > 0 {
			text = fmt.Sprintf("asked Qlik again (attempt %d) to %s", step.Tried-len(step.Attempts)+n+1, what)
		}
		line = append(line, Hop{At: attempt.CalledAt, Text: text, Look: "busy"})
		switch {
		case attempt.Lost:
			line = append(line, Hop{At: cmp.Or(attempt.AnsweredAt, attempt.CalledAt), Text: "no usable answer: finding out whether it took effect", Note: reasonWords(attempt.Reason), Look: "warn"})
		case attempt.Reason != "":
			line = append(line, Hop{At: cmp.Or(attempt.AnsweredAt, attempt.CalledAt), Text: "Qlik did not do it", Note: reasonWords(attempt.Reason), Look: "warn"})
		}
	}
	if r := step.Result; !r.Began.IsZero() {
		line = append(line, Hop{At: r.Began, Text: "Qlik began the reload", Note: "reload " + r.ReloadID, Look: "busy"})
	}
	if !step.Ended.IsZero() {
		note := cmp.Or(step.Error, step.Result.Status)
		line = append(line, Hop{At: step.Ended, Text: fmt.Sprintf("%s %s", of, step.State), Note: note, Look: look(string(step.State))})
	}
	return line
}
