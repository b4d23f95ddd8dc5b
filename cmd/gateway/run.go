package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// newRunCommand returns `gateway run`.
func newRunCommand() *cobra.Command {
	var path, level string
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the gateway: take events, ask Qlik Cloud, tell the outcomes",
		Long: "Runs until it is interrupted or terminated; what is in hand is finished first, a second signal skips that. A changed configuration is put in force\n" +
			"by itself, or at SIGHUP. The log goes to standard error: for people on a terminal, else a line of JSON for each hop.",
		Example: "  gateway run --config gateway.yaml --log-level debug",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			parsed, err := zerolog.ParseLevel(level)
			if err != nil {
				return misused("--log-level %q: expected debug, info, warn or error", level)
			}
			cfg, err := configured(path, command.ErrOrStderr(), "nothing was started")
			if err != nil {
				return err
			}
			to := raw(command.ErrOrStderr())
			if !isTerminal(to) {
				behind := newTape(to)
				defer behind.end()
				to = behind
			}
			ctx, stop := untilSignal(command.Context())
			var watching sync.WaitGroup
			defer watching.Wait()
			defer stop()
			dial := console.NewDial(parsed)
			out := newLog(to, zerolog.TraceLevel)
			sampler := newRepeats(out)
			watching.Go(func() { sampler.run(ctx) })
			g := &gateway{cfg: cfg, dial: dial, log: out.Hook(dial, sampler), limits: bridge.DefaultLimits(), files: newConfigFiles(path, cfg.Files)}
			defer g.files.stop()
			spans, err := openTracing(ctx, os.Getenv, g.log)
			if err != nil {
				return fmt.Errorf("trace: %w", err)
			}
			if spans != nil {
				g.trace = spans.tell
				defer spans.stop(g.log)
			}
			return g.run(ctx, func(where addresses) {
				watching.Go(func() { newSupervisor(os.Getenv, g.log).watch(ctx, where.Console) })
			})
		},
	}
	command.Flags().StringVarP(&path, "config", "c", "gateway.yaml", "configuration file")
	command.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return command
}

// untilSignal returns a context that ends at the first interrupt or termination;
// a second one ends the process at once.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// newLog returns a log for people on a terminal and of JSON lines elsewhere.
func newLog(out io.Writer, level zerolog.Level) zerolog.Logger {
	out = raw(out)
	if isTerminal(out) {
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: "15:04:05.000"}
	}
	return zerolog.New(out).Level(level).Hook(stamp{})
}

// A stamp writes the time of each line to the millisecond; zerolog's own has seconds,
// unless a variable of its package is changed for everybody.
type stamp struct{}

// Run adds the time to a line.
func (stamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	now, text := time.Now().UTC(), [32]byte{'"'}
	ms := now.Nanosecond() / int(time.Millisecond)
	line := now.AppendFormat(text[:1], time.RFC3339)
	line = append(line[:len(line)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '"')
	e.RawJSON(zerolog.TimestampFieldName, line)
}
