package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/rs/zerolog"
)

// A supervisor is the service manager that started this process, as in sd_notify(3):
// it is told when the gateway is up, that it still answers, and when it stops.
type supervisor struct {
	socket string        // "" = nobody wants to be told
	every  time.Duration // how often it wants to hear that the gateway answers; 0 = never
	client *http.Client  // asks past every proxy: the console is of this process
	log    zerolog.Logger
}

// newSupervisor finds who started this process; lookup is os.Getenv.
func newSupervisor(lookup func(string) string, log zerolog.Logger) supervisor {
	s := supervisor{socket: lookup("NOTIFY_SOCKET"), client: &http.Client{Transport: &http.Transport{}}, log: log}
	if microseconds, err := strconv.ParseInt(lookup("WATCHDOG_USEC"), 10, 64); err == nil && microseconds > 0 {
		s.every = time.Duration(microseconds) * time.Microsecond / 3
	}
	return s
}

// watch says that the gateway is up, then that its console answers, as long as it
// does, and when ctx ends that it stops.
func (s supervisor) watch(ctx context.Context, console string) {
	if s.socket == "" {
		return
	}
	s.tell("READY=1")
	defer s.tell("STOPPING=1")
	if s.every == 0 {
		<-ctx.Done()
		return
	}
	for ticker := time.NewTicker(s.every); ; {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return
		case <-ticker.C:
		}
		if err := s.ask(ctx, console); err != nil {
			s.log.Warn().Err(err).Msg("the console does not answer; the service manager is not told that all is well")
			continue
		}
		s.tell("WATCHDOG=1")
	}
}

// ask looks whether the console answers.
func (s supervisor) ask(ctx context.Context, console string) error {
	ctx, cancel := context.WithTimeout(ctx, s.every)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+console+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("ask console: %w", err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask console: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it is not read
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask console: %s", response.Status)
	}
	return nil
}

// tell sends one line to the service manager.
func (s supervisor) tell(line string) {
	conn, err := net.Dial("unixgram", s.socket)
	if err == nil {
		_, err = conn.Write([]byte(line))
		_ = conn.Close()
	}
	if err != nil {
		s.log.Warn().Err(err).Str("line", line).Msg("the service manager cannot be told")
	}
}
