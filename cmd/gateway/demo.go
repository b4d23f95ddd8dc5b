package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/qlik/sim"
)

//go:embed demo/gateway.yaml
var demoConfig string

// Times of the demo: short enough to watch.
const (
	demoReload  = 1200 * time.Millisecond
	demoPoll    = 300 * time.Millisecond
	demoTimeout = 30 * time.Second
)

// Faults that the demo can be given, to prove that it notices.
const (
	faultDouble = "double" // start a reload behind the gateway's back
	faultLose   = "lose"   // take events and carry out nothing
)

// A demo is a gateway with a simulated tenant, senders and a subscriber.
type demo struct {
	once    bool
	asJSON  bool
	fault   string
	wait    time.Duration // for every event's end
	out     io.Writer
	tenant  *sim.Tenant
	url     string            // of the tenant
	hops    *hopPrinter       // shows what happens
	secrets map[string]string // by the variable that the configuration reads
}

// newDemoCommand returns `gateway demo`.
func newDemoCommand() *cobra.Command {
	d := &demo{}
	command := &cobra.Command{
		Use:     "demo",
		Short:   "Show the whole way on a simulated tenant: no configuration, no account, nothing kept",
		Example: "  gateway demo\n  gateway demo --once --json",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if d.fault != "" && d.fault != faultDouble && d.fault != faultLose {
				return misused("--fault %q: expected double or lose", d.fault)
			}
			d.out = command.OutOrStdout()
			ctx, stop := untilSignal(command.Context())
			defer stop()
			return d.run(ctx)
		},
	}
	flags := command.Flags()
	flags.BoolVar(&d.once, "once", false, "end when every event has come to its end, with an exit code")
	flags.BoolVar(&d.asJSON, "json", false, "print JSON lines; with --once the last one is the summary")
	flags.StringVar(&d.fault, "fault", "", "break something on purpose: double or lose")
	flags.DurationVar(&d.wait, "wait", demoTimeout, "how long to wait for the ends")
	for _, hidden := range []string{"fault", "wait"} {
		if err := flags.MarkHidden(hidden); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return command
}

// run starts everything, plays the script and, with --once, judges.
func (d *demo) run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "gateway-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tenantDone, err := d.startTenant(ctx)
	if err != nil {
		return err
	}
	cfg, err := d.configure(folder)
	if err != nil {
		return err
	}
	d.hops = newHopPrinter(d.out, d.asJSON, d.names())
	log := zerolog.New(d.hops).Level(zerolog.DebugLevel).With().Timestamp().Logger()
	limits := bridge.DefaultLimits()
	limits.Poll = demoPoll
	g := &gateway{cfg: cfg, log: log, limits: limits, idle: d.fault == faultLose}
	up := make(chan addresses, 1)
	gatewayDone := make(chan error, 1)
	go func() { gatewayDone <- g.run(ctx, func(where addresses) { up <- where }) }()
	var result summary
	select {
	case err := <-gatewayDone:
		return err
	case where := <-up:
		result, err = d.play(ctx, where)
	}
	stop()
	if err := errors.Join(err, <-gatewayDone, <-tenantDone); err != nil || !d.once {
		return err
	}
	if err := d.printResult(result); err != nil {
		return err
	}
	if !result.held() {
		return exitCode(exitFailed)
	}
	return nil
}

// startTenant starts the simulated tenant on a free port.
func (d *demo) startTenant(ctx context.Context) (<-chan error, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the simulated tenant: %w", err)
	}
	d.tenant = sim.New(sim.Config{ReloadTime: demoReload})
	d.url = "http://" + listener.Addr().String()
	done := make(chan error, 1)
	go func() { done <- sim.Serve(ctx, listener, d.tenant) }()
	return done, nil
}

// configure makes the demo's configuration, the same way as `gateway run` does.
func (d *demo) configure(folder string) (*config, error) {
	d.secrets = map[string]string{"DEMO_KEY": d.tenant.APIKey()}
	for _, name := range []string{"DEMO_ETL", "DEMO_DASHBOARDS", "DEMO_DBT", "DEMO_FIVETRAN", "DEMO_TOKEN"} {
		d.secrets[name] = strings.ToLower(rand.Text())
	}
	text := fill(demoConfig, map[string]string{
		"data_dir": folder, "tenant": d.url, "company": d.tenant.Space("Company"),
		"sales": d.tenant.App("Sales"), "finance": d.tenant.App("Finance"), "inventory": d.tenant.App("Inventory"),
	})
	cfg, problems := parseConfig("demo/gateway.yaml", []byte(text), func(name string) (string, bool) {
		value, ok := d.secrets[name]
		return value, ok
	})
	if cfg == nil {
		return nil, fmt.Errorf("configure the demo: %s", problems[0].Text) // of a build without a NATS server
	}
	return cfg, nil
}

// play sends the script, waits for the ends and judges them. Without --once it
// goes on until ctx ends.
func (d *demo) play(ctx context.Context, where addresses) (summary, error) {
	subscriber, err := subscribe(where.NATS, d.secrets["DEMO_DASHBOARDS"])
	if err != nil {
		return summary{}, err
	}
	defer subscriber.close()
	sent, err := d.send(ctx, where)
	if err != nil {
		return summary{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	subscriber.await(bounded, sent)
	d.settle(ctx, len(subscriber.outcomes()))
	result := judge(sent, subscriber.outcomes(), d.tenant.Calls())
	switch {
	case d.once && ctx.Err() != nil:
		return result, errors.New("stopped before the end")
	case d.once:
		return result, nil
	}
	if err := errors.Join(d.printResult(result), d.invite(where)); err != nil {
		return result, err
	}
	<-ctx.Done()
	return result, nil
}

// settle waits a moment until as many outcomes were shown as were heard: subscribers
// hear of one before its publisher knows that it was stored.
func (d *demo) settle(ctx context.Context, heard int) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for d.hops.shown() < heard {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func (d *demo) printResult(result summary) error {
	if d.asJSON {
		return json.NewEncoder(d.out).Encode(result)
	}
	verdict := "nothing lost, nothing started twice"
	if !result.held() {
		verdict = "NOT AS PROMISED"
	}
	_, err := fmt.Fprintf(d.out, "\n%d events became %d runs: %d reloads started, %d commands in all, %d outcomes told. lost %d, duplicates %d: %s.\n",
		result.Events, result.Runs, result.Reloads, result.Commands, result.Outcomes, result.Lost, result.Duplicates, verdict)
	return err
}

// invite says how to go on by hand.
func (d *demo) invite(where addresses) error {
	if d.asJSON {
		return json.NewEncoder(d.out).Encode(map[string]string{
			"http": "http://" + where.HTTP, "console": "http://" + where.Console, "nats": where.NATS, "tenant": d.url, "token": d.secrets["DEMO_TOKEN"],
		})
	}
	_, err := fmt.Fprintf(d.out, `
Your turn; Ctrl-C ends it and leaves nothing behind. Send an event:

  curl http://%s/events -H 'Authorization: Bearer %s' \
    -H 'Content-Type: application/cloudevents+json' \
    -d '{"specversion":"1.0","id":"mine-1","source":"/me","type":"com.example.inventory.loaded","data":{"batch":"mine"}}'

and see what became of it:

  http://%[3]s                                   the console, in a browser
  gateway runs ls --server http://%[3]s          the same here; with Go: go run ./cmd/gateway runs ls ...
  curl http://%[4]s/_sim/calls                   what the simulated tenant was asked
`, where.HTTP, d.secrets["DEMO_TOKEN"], where.Console, strings.TrimPrefix(d.url, "http://"))
	return err
}

// names are the demo's apps by id, to show.
func (d *demo) names() map[string]string {
	names := map[string]string{}
	for _, sample := range d.tenant.Samples() {
		names[sample.ID] = sample.Name
	}
	return names
}

// fill puts values for {{name}} into a text.
func fill(text string, values map[string]string) string {
	for name, value := range values {
		text = strings.ReplaceAll(text, "{{"+name+"}}", value)
	}
	return text
}
