package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/events/broker"
)

// A filling is so many deliveries, for apps in turns.
type filling struct {
	config, key  string
	events, apps int
}

// fillers is how many deliveries are under way at a time: enough for full batches of
// the journal.
const fillers = 1024

// newFillCommand returns the hidden command that puts deliveries through a gateway's
// front door, in one process and without the network, while nothing is carried out.
// It then waits to be killed.
func newFillCommand() *cobra.Command {
	var f filling
	command := &cobra.Command{
		Use: "fill", Hidden: true, Args: noArguments, Short: "Fill the journal for `gateway bench`",
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(command.Context())
			defer stop()
			if err := f.fill(ctx); err != nil {
				return err
			}
			if err := json.NewEncoder(command.OutOrStdout()).Encode(map[string]int{"filled": f.events}); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.config, "config", "", "configuration of the gateway")
	flags.StringVar(&f.key, "key", "", "what deliveries are signed with")
	flags.IntVar(&f.events, "events", 0, "how many")
	flags.IntVar(&f.apps, "apps", 1, "for how many apps")
	return command
}

func (f filling) fill(ctx context.Context) error {
	cfg, err := configured(f.config, os.Stderr, "nothing was filled")
	if err != nil {
		return err
	}
	log := zerolog.New(os.Stderr).Level(zerolog.WarnLevel)
	b, err := broker.Open(ctx, cfg.Broker, log)
	if err != nil {
		return err
	}
	g := &gateway{cfg: cfg, log: log, limits: bridge.DefaultLimits(), idle: true}
	s, err := g.assemble(ctx, b)
	if err != nil {
		return err
	}
	var next, refused atomic.Int64
	var senders sync.WaitGroup
	for range fillers {
		senders.Go(func() {
			for n := next.Add(1); n <= int64(f.events) && ctx.Err() == nil; n = next.Add(1) {
				answer := status{header: http.Header{}}
				s.senders.ServeHTTP(&answer, f.delivery(ctx, int(n)%f.apps))
				if answer.code != http.StatusAccepted {
					refused.Store(int64(answer.code))
				}
			}
		})
	}
	senders.Wait()
	if code := refused.Load(); code != 0 {
		return fmt.Errorf("fill journal: a delivery was answered %d", code)
	}
	return ctx.Err()
}

// delivery is a signed one for an app.
func (f filling) delivery(ctx context.Context, app int) *http.Request {
	body := fmt.Appendf(nil, `{"app": "%d", "pad": "%s"}`, app, bytes.Repeat([]byte("x"), 100))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/hooks/bench", bytes.NewReader(body))
	if err != nil {
		panic(err) // the address is right
	}
	request.RemoteAddr = "127.0.0.1:1"
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(benchHeader, signature([]byte(f.key), body))
	return request
}

// A status keeps nothing of an answer but its code.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header            { return s.header }
func (s *status) Write(body []byte) (int, error) { return len(body), nil }
func (s *status) WriteHeader(code int)           { s.code = code }

// fill ends the gateway, fills its journal, and kills who did it: what a gateway killed
// at that moment leaves behind.
func (s *stage) fill(events, apps int) error {
	end(s.gateway)
	var done struct{ Filled int }
	filler, err := s.spawn(`"filled"`, &done, "bench", "fill", "--config", s.config, "--key", s.key, "--events", fmt.Sprint(events), "--apps", fmt.Sprint(apps))
	if err != nil {
		return err
	}
	end(filler)
	return nil
}
