//go:build !external

package broker

import (
	"fmt"
	"strings"

	"github.com/rs/zerolog"
)

// serverLog gives what the embedded server says to zerolog. The server calls
// its start-up chatter notices; for the gateway that is detail.
type serverLog struct {
	log   zerolog.Logger
	fatal chan<- string // takes the first message of the kind after which the server gives up

	// broken is told when a store met an error after which the server writes to it
	// no more: it says so in its log only.
	broken func()
}

// Noticef logs at level debug.
func (s serverLog) Noticef(format string, v ...any) { s.log.Debug().Msgf(format, v...) }

// Warnf logs at level warn.
func (s serverLog) Warnf(format string, v ...any) { s.log.Warn().Msgf(format, v...) }

// Errorf logs at level error.
func (s serverLog) Errorf(format string, v ...any) {
	s.log.Error().Msgf(format, v...)
	for _, words := range []string{"critical write error", "will be disabled", "resource limits exceeded for server"} {
		if strings.Contains(strings.ToLower(format), words) {
			s.broken()
		}
	}
}

// Fatalf logs at level error and lets Open fail: only main ends the process.
func (s serverLog) Fatalf(format string, v ...any) {
	s.log.Error().Msgf(format, v...)
	select {
	case s.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}

// Debugf logs at level trace.
func (s serverLog) Debugf(format string, v ...any) { s.log.Trace().Msgf(format, v...) }

// Tracef logs at level trace.
func (s serverLog) Tracef(format string, v ...any) { s.log.Trace().Msgf(format, v...) }
