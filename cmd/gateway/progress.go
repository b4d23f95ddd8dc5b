package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/qlikgateway/gateway/console"
)

// wipe goes back to the beginning of a terminal's line and empties it.
const wipe = "\r\x1b[K"

// A ticker shows how a run goes on, a line for each change. On a terminal a line below
// them moves with the reload; elsewhere, and in JSON, there is one more line for each
// quarter of the time that reloads of the app usually take.
type ticker struct {
	out    io.Writer
	asJSON bool
	width  int    // columns of the terminal; 0 = there is none
	seen   string // what the newest line was for
	moving bool   // the cursor stands behind a line that moves
}

// newTicker returns a ticker that writes as fits out.
func newTicker(out io.Writer, asJSON bool) *ticker {
	t := &ticker{out: out, asJSON: asJSON}
	if file, ok := raw(out).(*os.File); ok && !asJSON && isTerminal(out) {
		t.width = 80
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			t.width = width
		}
	}
	return t
}

// show tells of a run as it is now.
func (t *ticker) show(run console.Run, now time.Time) error {
	line, moving := oneLine(run), ""
	seen := line
	if t.width > 0 {
		moving = movingLine(run, t.width)
	} else if progress := progressOf(run); progress != nil {
		seen += fmt.Sprint(quarter(*progress))
		line += "  " + spent(*progress)
	}
	if t.asJSON && seen != t.seen {
		t.seen = seen
		return printJSON(t.out, run)
	}
	t.stop()
	text := moving
	if seen != t.seen {
		t.seen = seen
		text = now.Format(time.TimeOnly) + " " + line + "\n" + moving
	}
	t.moving = moving != ""
	_, err := io.WriteString(t.out, text)
	return err
}

// stop removes the line that moves, and leaves the cursor where the next output may begin.
func (t *ticker) stop() {
	if t.moving {
		_, _ = io.WriteString(raw(t.out), wipe) // what cannot be written shows at the next line
	}
	t.moving = false
}

// movingLine is what a terminal shows below the changes of a run: how far its reload
// is, or what it waits for; "" when it has ended.
func movingLine(run console.Run, width int) string {
	text := ""
	switch progress := progressOf(run); {
	case !run.Ended.IsZero():
		return ""
	case progress != nil && progress.Usual > 0:
		const cells = 24
		full := min(cells, int(cells*progress.Elapsed/progress.Usual))
		text = "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "] " + spent(*progress)
	case progress != nil:
		text = spent(*progress)
	case run.Waits != nil:
		text = "waits for " + run.Waiting()
	}
	runes := []rune(text)
	return string(runes[:min(len(runes), max(0, width-1))])
}

// progressOf returns how far the reload of a run is; nil when none runs.
func progressOf(run console.Run) *console.Progress {
	for _, step := range run.Steps {
		if step.Progress != nil {
			return step.Progress
		}
	}
	return nil
}

// spent says how long a reload has been running, and of how long.
func spent(p console.Progress) string {
	elapsed, usual := seconds(p.Elapsed), seconds(p.Usual)
	switch {
	case usual <= 0:
		return elapsed.String() + " so far"
	case elapsed > usual:
		return elapsed.String() + ", usually about " + usual.String()
	}
	return elapsed.String() + " of about " + usual.String()
}

func seconds(n float64) time.Duration {
	return time.Duration(n * float64(time.Second)).Round(time.Second)
}

// quarter returns how many quarters of its usual time a reload has run, at most four.
func quarter(p console.Progress) int {
	if p.Usual <= 0 {
		return 0
	}
	return min(4, int(4*p.Elapsed/p.Usual))
}
