package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A hopPrinter shows the log of a gateway to somebody who watches: one line for
// each hop of an event. It is an io.Writer of JSON lines.
type hopPrinter struct {
	mu     sync.Mutex
	out    io.Writer
	asJSON bool
	colour bool
	began  time.Time
	apps   map[string]string // names by id
	copies map[string]string // by run, what it copied
	told   int               // outcomes that were shown
}

func newHopPrinter(out io.Writer, asJSON bool, apps map[string]string) *hopPrinter {
	return &hopPrinter{
		out: out, asJSON: asJSON, apps: apps, copies: map[string]string{}, began: time.Now(),
		colour: isTerminal(out) && os.Getenv("NO_COLOR") == "",
	}
}

// A hopLine is a line of the log, as far as it is shown.
type hopLine struct {
	Hop, Message, Level, Source, Rule, Step, Action, Verdict, Reason, Error, Type, Result, Via string

	EventID  string `json:"event_id"`
	RunID    string `json:"run_id"`
	AppID    string `json:"app_id"`
	ReloadID string `json:"reload_id"`
	Status   any    // of a reload its status, of a delivery the HTTP status
	Matches  []string
	Opened   bool
}

// Write shows one line of the log.
func (p *hopPrinter) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var hop hopLine
	err := json.Unmarshal(line, &hop)
	if hop.Hop == hopPublished {
		p.told++
	}
	if p.asJSON || err != nil {
		return p.out.Write(line)
	}
	verb, text, colour := p.show(hop)
	if verb == "" {
		return len(line), nil
	}
	verb = fmt.Sprintf("%-15s", verb)
	if p.colour {
		verb = fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, verb)
	}
	_, err = fmt.Fprintf(raw(p.out), "%6.2fs  %s %s\n", time.Since(p.began).Seconds(), verb, harmless([]byte(text)))
	return len(line), err
}

// shown returns how many outcomes were shown as published.
func (p *hopPrinter) shown() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// hopPublished is the hop at which an outcome has been told.
const hopPublished = "published"

// Colours of a terminal.
const (
	red    = 31
	green  = 32
	yellow = 33
	blue   = 34
	cyan   = 36
)

// show says what a line means; an empty verb shows nothing.
func (p *hopPrinter) show(hop hopLine) (verb, text string, colour int) {
	switch {
	case hop.Message == "delivery":
		return p.showDelivery(hop)
	case hop.Hop == "admitted" && hop.Opened:
		return "run opened", fmt.Sprintf("%s for %s  (%s)", hop.Rule, hop.EventID, hop.RunID), cyan
	case hop.Hop == "admitted":
		return "joined", fmt.Sprintf("%s: %s joins the run that waits", hop.Rule, hop.EventID), cyan
	case hop.Hop == hopPublished:
		return "published", strings.TrimPrefix(hop.Type, "io.qlikgateway.v1."), green
	case hop.Hop == "call" || hop.Hop == "poll" || hop.Hop == "reconcile":
		return p.showCall(hop)
	case hop.Level == "warn" || hop.Level == "error":
		return hop.Level, strings.TrimSpace(hop.Message + " " + hop.Error), red
	}
	return "", "", 0
}

func (p *hopPrinter) showDelivery(hop hopLine) (verb, text string, colour int) {
	text = fmt.Sprintf("%s by %s: ", hop.EventID, hop.Source)
	switch {
	case hop.Result == "duplicate":
		return "received", text + "again, and will not run twice", yellow
	case len(hop.Matches) == 0:
		return "received", text + "no rule matches; kept", yellow
	}
	return "received", text + "matches " + strings.Join(hop.Matches, ", "), blue
}

func (p *hopPrinter) showCall(hop hopLine) (verb, text string, colour int) {
	app := cmp.Or(p.apps[hop.AppID], p.copies[hop.RunID], hop.AppID)
	switch {
	case hop.Action == "copy" && hop.Verdict == "done":
		p.copies[hop.RunID] = "the copy of " + app
		return hop.Action, app + " done", blue
	case hop.Action == "publish" && hop.Reason == "not_found":
		return "publish", app + ": no published app to replace yet, so a new one", blue
	case hop.Verdict != "done":
		return hop.Verdict, fmt.Sprintf("%s of %s: %s", hop.Action, app, hop.Reason), yellow
	case hop.Hop == "call" && hop.Action == "reload":
		return "reload started", fmt.Sprintf("%s  (reload %s)", app, hop.ReloadID), blue
	case hop.Hop == "call":
		return hop.Action, app + " done", blue
	case hop.Status == "SUCCEEDED":
		return "finished", fmt.Sprintf("%s: %v", app, hop.Status), green
	}
	return "progress", fmt.Sprintf("%s: %v", app, hop.Status), 90
}
