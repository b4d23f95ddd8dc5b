package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// forecastOf returns a forecast of one rule that reloads the app an event names, and
// of another that hears of the first.
func forecastOf(tb testing.TB, chained bool) Forecast {
	tb.Helper()
	definitions := []rules.Definition{{
		Name: "refresh", On: rules.On{Sources: []string{"etl"}}, App: "${data.app}",
		Gather: rules.GatherDefinition{Quiet: "30s", Max: "5m", Key: "data.app"}, Do: []rules.StepDefinition{{Action: string(rules.Reload)}},
	}}
	if chained {
		definitions = append(definitions, rules.Definition{
			Name: "after", On: rules.On{Sources: []string{rules.OwnSource}}, App: appID(999), Gather: rules.GatherDefinition{Quiet: "1m"},
			When: `type == "io.qlikgateway.v1.run.succeeded" && rule == "refresh"`, Do: []rules.StepDefinition{{Action: string(rules.Reload)}},
		})
	}
	set, problems := rules.Compile(definitions, rules.Names{Tenants: []string{"acme"}, Sources: []string{"etl"}})
	for _, problem := range problems {
		if !problem.Warning {
			tb.Fatal(problem)
		}
	}
	return Forecast{Tenant: "acme", Rules: set, Limits: DefaultLimits()}
}

func appID(n int) string { return fmt.Sprintf("8ee2a60d-062c-47e4-8d0a-%012d", n) }

// triggersOf are events for so many apps in turn.
func triggersOf(n, apps int, every time.Duration) []Trigger {
	began := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	trace := make([]Trigger, n)
	for i := range trace {
		trace[i] = Trigger{Rules: []string{"refresh"}, Event: rules.Event{
			ID: fmt.Sprint("e", i), Type: "done", Time: began.Add(time.Duration(i) * every), GatewaySource: "etl", Data: map[string]any{"app": appID(i % apps)},
		}}
	}
	return trace
}

func predict(tb testing.TB, f Forecast, trace []Trigger) Prediction {
	tb.Helper()
	p, err := f.Run(trace)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestForecastOfABurstGathers(t *testing.T) {
	t.Parallel()
	p := predict(t, forecastOf(t, false), triggersOf(600, 20, 100*time.Millisecond))
	if p.Triggers != 600 || p.Asked != 600 || len(p.Reloads) != 20 || p.Runs != 20 || p.States[RunSucceeded] != 20 || len(p.Waits) != 600 || p.Uncovered != 0 {
		t.Errorf("%d triggers, %d reloads, %d runs, %v, %d waits; want 600, 20, 20, all succeeded, 600", p.Triggers, len(p.Reloads), p.Runs, p.States, len(p.Waits))
	}
	for _, w := range p.Waits {
		if w.Wait < 30*time.Second || w.Wait > 90*time.Second {
			t.Fatalf("a trigger waited %s, want the quiet time and the rest of the minute at most", w.Wait)
		}
	}
}

func TestForecastOfAnOutageParksAndDrains(t *testing.T) {
	t.Parallel()
	f, trace := forecastOf(t, false), triggersOf(600, 20, time.Second)
	began := trace[0].Event.Time
	outage := Span{From: began.Add(2 * time.Minute), To: began.Add(12 * time.Minute)}
	f.Outages = []Span{outage}
	p := predict(t, f, trace)
	if p.States[RunSucceeded] != p.Runs || p.Runs == 0 || len(p.Waits) != 600 {
		t.Errorf("%d runs, %v, %d of 600 triggers covered; want all", p.Runs, p.States, len(p.Waits))
	}
	if len(p.Open) != 1 || p.Open[0].From.Before(outage.From) || p.Open[0].To.Before(outage.To) || p.Open[0].To.Sub(outage.To) > time.Minute {
		t.Errorf("the breaker was open %v, want once, until within a minute of the end of the outage", p.Open)
	}
	for _, reload := range p.Reloads {
		if outage.holds(reload.At) {
			t.Errorf("a reload of %s began during the outage", reload.App)
		}
	}
}

func TestForecastHearsItsOwnOutcomes(t *testing.T) {
	t.Parallel()
	p := predict(t, forecastOf(t, true), triggersOf(600, 20, 100*time.Millisecond))
	if p.Apps[appID(999)] != 20 || len(p.Reloads) != 21 || p.Triggers != 620 {
		t.Errorf("%d of 20 runs were heard, %d reloads, %d triggers; want 20, 21, 620", p.Apps[appID(999)], len(p.Reloads), p.Triggers)
	}
}

// BenchmarkForecastOfADay is 100,000 events over a day, for 200 apps.
func BenchmarkForecastOfADay(b *testing.B) {
	f, trace := forecastOf(b, false), triggersOf(100_000, 200, 864*time.Millisecond)
	b.ResetTimer()
	for range b.N {
		p := predict(b, f, trace)
		b.ReportMetric(float64(len(p.Reloads)), "reloads")
	}
}
