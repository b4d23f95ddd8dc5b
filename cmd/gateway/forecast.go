package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge"
)

// A forecaster is `gateway forecast`: rules and limits tried on a trace of events.
type forecaster struct {
	config  string
	trace   string // a file, - for standard input
	source  string
	outages []string
	reload  time.Duration
	svg     string
	asJSON  bool
}

// newForecastCommand returns `gateway forecast`.
func newForecastCommand() *cobra.Command {
	f := forecaster{}
	command := &cobra.Command{
		Use:   "forecast",
		Short: "Say what would become of a trace of events: reloads, waiting times, use of quotas and budgets",
		Long: `The trace is one CloudEvent in the JSON format a line, each taken at its time. Its attribute gatewaysource, or else source,
names the configured source; --source is that of events which name none that is configured. Events of one source with the same
source and id are one, as they are for the gateway.

The rules, limits and scheduler are those of the gateway; time is virtual, and nothing is sent or stored. The tenant is a model:
each call takes 0.2 s, each reload --reload-time, and all succeed but for calls in an outage, which fail with 503. So a forecast
says what waits for quotas, lanes, budgets, gathering and outages; it does not know Qlik's own queue of reloads.

A trigger is an event for each rule that it matches; rules on the gateway's own outcomes are triggered by them. Its wait is the
time from it to the start of the reload that covers it. --json prints these totals in one line, waits in seconds:
triggers, runs, reloads, saved, wait_p50, wait_p99, wait_max, quota_peak (most reload calls within any minute).`,
		Example: `  gateway forecast --config gateway.yaml --trace events.jsonl
  gateway forecast --config gateway.yaml --trace events.jsonl --outage 10m@02:00 --svg night.svg
  gateway forecast --config gateway.yaml --trace events.jsonl --outage 10m@2026-11-01T02:00:00Z --reload-time 5m --json`,
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return f.run(command)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&f.config, "config", "c", "gateway.yaml", "configuration file")
	flags.StringVar(&f.trace, "trace", "", "the trace, - for standard input")
	flags.StringVar(&f.source, "source", "", "the configured source of events that name none")
	flags.StringArrayVar(&f.outages, "outage", nil, "an outage of the tenants, as 10m@02:00 (UTC, from the first event on) or 10m@2026-11-01T02:00:00Z; may be given several times")
	flags.DurationVar(&f.reload, "reload-time", 2*time.Minute, "how long each reload takes")
	flags.StringVar(&f.svg, "svg", "", "draw it into this file as well")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object on one line")
	if err := command.MarkFlagRequired("trace"); err != nil {
		panic(err) // the flag is defined above
	}
	return command
}

func (f forecaster) run(command *cobra.Command) error {
	if f.reload <= 0 {
		return misused("--reload-time %s: expected more than 0s", f.reload)
	}
	cfg, err := correct(f.config)
	if err != nil {
		return err
	}
	in := command.InOrStdin()
	if f.trace != "-" {
		file, err := os.Open(f.trace)
		if err != nil {
			return fmt.Errorf("read trace: %w", err)
		}
		defer file.Close() //nolint:errcheck // nothing was written
		in = file
	}
	trace := recording{cfg: cfg, source: f.source}
	if err := trace.read(in); err != nil {
		return misused("read trace: %s, %w", f.trace, err)
	}
	outages, err := outagesOf(f.outages, trace.began())
	if err != nil {
		return err
	}
	told, err := f.forecast(cfg, trace, outages)
	if err != nil {
		return err
	}
	if f.svg != "" {
		if err := os.WriteFile(f.svg, []byte(told.draw()), 0o644); err != nil {
			return fmt.Errorf("draw forecast: %w", err)
		}
	}
	if f.asJSON {
		return json.NewEncoder(command.OutOrStdout()).Encode(told.totals())
	}
	_, err = io.WriteString(command.OutOrStdout(), told.table())
	return err
}

// forecast predicts what becomes of the trace at each tenant by itself.
func (f forecaster) forecast(cfg *config, trace recording, outages []bridge.Span) (forecastResult, error) {
	told := forecastResult{recording: trace, outages: outages, names: cfg.Apps}
	for _, name := range sorted(cfg.Tenants) {
		tenant := cfg.Tenants[name]
		limits := cfg.limits(name, bridge.DefaultLimits())
		prediction, err := bridge.Forecast{
			Tenant: name, Rules: cfg.Rules, Limits: limits, Breaker: tenant.Breaker, Reload: f.reload, Outages: outages,
		}.Run(trace.triggers[name])
		if err != nil {
			return told, fmt.Errorf("forecast tenant %s: %w", name, err)
		}
		told.tenants = append(told.tenants, tenantForecast{Prediction: prediction, name: name, limits: limits})
	}
	return told, nil
}

// outagesOf understands `10m@TIME`. A time of day is the first such after the trace
// began.
func outagesOf(texts []string, began time.Time) ([]bridge.Span, error) {
	var outages []bridge.Span
	for _, text := range texts {
		length, at, _ := strings.Cut(text, "@")
		lasts, err := time.ParseDuration(length)
		from, known := momentOf(at, began)
		if err != nil || lasts <= 0 || !known {
			return nil, misused("--outage %q: expected a duration and when it begins, as 10m@02:00 or 10m@2026-11-01T02:00:00Z", text)
		}
		outages = append(outages, bridge.Span{From: from, To: from.Add(lasts)})
	}
	return outages, nil
}

func momentOf(text string, began time.Time) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, true
	}
	began = began.UTC()
	for _, layout := range []string{"15:04", "15:04:05"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		at := time.Date(began.Year(), began.Month(), began.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
		if at.Before(began.Truncate(time.Minute)) {
			at = at.AddDate(0, 0, 1)
		}
		return at, true
	}
	return time.Time{}, false
}

// called returns the name under which an app is configured, or its id.
func (r forecastResult) called(app string) string {
	return cmp.Or(r.names[app], app, "(named by a result)")
}
