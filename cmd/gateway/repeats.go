package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	repeatWithin = time.Second
	repeatFirst  = 10   // lines of trouble that are written of each kind within repeatWithin
	mostRepeats  = 1000 // kinds of lines that are counted at once
)

// A kind of line is what it says and how bad that is, without its fields.
type kindOfLine struct {
	level zerolog.Level
	text  string
}

// repeats keeps a flood of warnings and errors out of the log: of lines that say the
// same, the first few of each second are written, and then how many more there were.
// What became of events and who changed what is of level info, and is never left out.
// It is a zerolog.Hook.
type repeats struct {
	out   zerolog.Logger // without this hook
	mu    sync.Mutex
	known map[kindOfLine]*repeated
}

type repeated struct {
	since   time.Time
	written int
	more    int
}

func newRepeats(out zerolog.Logger) *repeats {
	return &repeats{out: out, known: map[kindOfLine]*repeated{}}
}

// Run counts a line, and discards it when enough of its kind were written.
func (r *repeats) Run(e *zerolog.Event, level zerolog.Level, text string) {
	if level != zerolog.WarnLevel && level != zerolog.ErrorLevel {
		return
	}
	now, kind := time.Now(), kindOfLine{level, text}
	r.mu.Lock()
	defer r.mu.Unlock()
	line := r.known[kind]
	if line == nil {
		if len(r.known) >= mostRepeats {
			return // too many that differ are no repeats
		}
		line = &repeated{since: now}
		r.known[kind] = line
	}
	if now.Sub(line.since) >= repeatWithin {
		r.tell(kind, *line)
		*line = repeated{since: now}
	}
	if line.written >= repeatFirst {
		line.more++
		e.Discard()
		return
	}
	line.written++
}

// tell writes how many lines of a kind were left out.
func (r *repeats) tell(kind kindOfLine, line repeated) {
	if line.more > 0 {
		r.out.WithLevel(kind.level).Str("hop", "log").Int("more", line.more).Time("since", line.since).Str("line", kind.text).
			Msg("the same line " + strconv.Itoa(line.more) + " more times, left out")
	}
}

// run tells of floods that are over, until ctx ends.
func (r *repeats) run(ctx context.Context) {
	ticker := time.NewTicker(repeatWithin)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			r.flush(time.Time{})
			return
		case now := <-ticker.C:
			r.flush(now)
		}
	}
}

// flush tells of the kinds whose second is over, and forgets them; all of them when
// now is zero.
func (r *repeats) flush(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, line := range r.known {
		if now.IsZero() || now.Sub(line.since) >= repeatWithin {
			r.tell(kind, *line)
			delete(r.known, kind)
		}
	}
}
