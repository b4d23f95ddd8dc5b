package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// forecastFolder returns a folder with a configuration and a trace of so many events
// for so many apps, the newest first.
func forecastFolder(tb testing.TB, events, apps int, every time.Duration) (config, trace string) {
	tb.Helper()
	folder := tb.TempDir()
	config, trace = filepath.Join(folder, "gateway.yaml"), filepath.Join(folder, "events.jsonl")
	text := `
tenants: {acme: {url: "http://127.0.0.1:9", api_key: "file:` + filepath.Join(folder, "key") + `"}}
sources: {etl: {nats: {subject: etl.done}}, dbt: {preset: dbt-cloud, secret: "file:` + filepath.Join(folder, "key") + `"}}
rules:
  - {name: refresh, on: etl, app: "${data.app}", gather: {quiet: 30s, max: 5m, key: data.app}, do: [reload]}
  - {name: good, on: dbt, when: 'outcome == "succeeded"', app: 8ee2a60d-062c-47e4-8d0a-000000000000, do: [reload]}
`
	began := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	var lines strings.Builder
	for i := events - 1; i >= 0; i-- {
		fmt.Fprintf(&lines, `{"specversion":"1.0","id":"e%d","source":"/etl","gatewaysource":"etl","type":"done","time":%q,"data":{"app":"8ee2a60d-062c-47e4-8d0a-%012d"}}`+"\n",
			i, began.Add(time.Duration(i)*every).Format(time.RFC3339Nano), i%apps)
	}
	for path, text := range map[string]string{config: text, trace: lines.String(), filepath.Join(folder, "key"): testSecret} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return config, trace
}

// forecastTold runs the command and returns the fields of its line of JSON.
func forecastTold(tb testing.TB, args ...string) map[string]float64 {
	tb.Helper()
	var out, errOut strings.Builder
	if code := execute(append([]string{"forecast", "--json"}, args...), &out, &errOut); code != exitDone {
		tb.Fatalf("exit code %d: %s", code, errOut.String())
	}
	if strings.Count(out.String(), "\n") != 1 {
		tb.Fatalf("not one line: %s", out.String())
	}
	told := map[string]float64{}
	if err := json.Unmarshal([]byte(out.String()), &told); err != nil {
		tb.Fatal(err)
	}
	return told
}

func TestForecastSaysWhatBecomesOfABurst(t *testing.T) {
	t.Parallel()
	config, trace := forecastFolder(t, 600, 20, 100*time.Millisecond)
	told := forecastTold(t, "--config", config, "--trace", trace)
	keys := []string{"triggers", "runs", "reloads", "saved", "wait_p50", "wait_p99", "wait_max", "quota_peak"}
	for _, key := range keys {
		if _, there := told[key]; !there {
			t.Errorf("%s is missing", key)
		}
	}
	if len(told) != len(keys) || told["triggers"] != 600 || told["reloads"] > 40 || told["saved"] != 600-told["reloads"] || told["quota_peak"] > 50 {
		t.Errorf("got %v", told)
	}
	if told["wait_p50"] < 30 || told["wait_p50"] > told["wait_p99"] || told["wait_p99"] > told["wait_max"] || told["wait_max"] > 100 {
		t.Errorf("got %v", told)
	}
}

func TestForecastOfAnOutageWaitsForItsEnd(t *testing.T) {
	t.Parallel()
	config, trace := forecastFolder(t, 600, 20, 100*time.Millisecond)
	for _, outage := range []string{"10m@08:00", "10m@2026-11-01T08:00:00Z"} {
		told := forecastTold(t, "--config", config, "--trace", trace, "--outage", outage)
		if told["reloads"] != 20 || told["wait_max"] < 540 || told["wait_max"] > 12*60 {
			t.Errorf("%s: %v; want 20 reloads, after the outage", outage, told)
		}
	}
}

func TestForecastKnowsTheFactsOfAPreset(t *testing.T) {
	t.Parallel()
	config, trace := forecastFolder(t, 1, 1, 0)
	var lines strings.Builder
	for i, status := range []string{"Success", "Error", "Success"} {
		data := fill(demoDbt, map[string]string{"id": fmt.Sprint(i), "time": "2026-11-23T00:00:00Z", "status": status, "code": map[string]string{"Success": "10", "Error": "20"}[status]})
		var flat any
		if err := json.Unmarshal([]byte(data), &flat); err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(map[string]any{"specversion": "1.0", "id": fmt.Sprint(i), "source": "somewhere", "type": "t", "time": fmt.Sprintf("2026-11-23T0%d:00:00Z", i), "data": flat})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(trace, []byte(lines.String()+lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if told := forecastTold(t, "--config", config, "--trace", trace, "--source", "dbt"); told["triggers"] != 2 || told["reloads"] != 2 {
		t.Errorf("got %v, want a trigger and a reload for each of the two good runs", told)
	}
	if told := forecastTold(t, "--config", config, "--trace", trace); told["triggers"] != 0 {
		t.Errorf("got %v, want nothing of a source that is not configured", told)
	}
}

func TestForecastDrawsAndTabulates(t *testing.T) {
	t.Parallel()
	config, trace := forecastFolder(t, 600, 20, time.Second)
	drawn := filepath.Join(t.TempDir(), "f.svg")
	var out, errOut strings.Builder
	if code := execute([]string{"forecast", "--config", config, "--trace", trace, "--svg", drawn, "--outage", "2m@08:05"}, &out, &errOut); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	for _, want := range []string{"600 events", "tenant acme", "triggers", "p99", "50 per 1m are allowed", "breaker open", "IN 24 H", "8ee2a60d-062c-47e4-8d0a-000000000019"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	text, err := os.ReadFile(drawn)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(text)))
	for err == nil {
		_, err = decoder.Token()
	}
	if !errors.Is(err, io.EOF) || strings.Contains(string(text), "NaN") || !strings.Contains(string(text), "<svg") {
		t.Errorf("the drawing cannot be read: %v", err)
	}
}

func TestForecastNamesTheBadLine(t *testing.T) {
	t.Parallel()
	config, trace := forecastFolder(t, 2, 1, time.Second)
	good, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ line, outage, want string }{
		"no JSON":        {"nonsense", "1m@08:00", "line 3:"},
		"no CloudEvent":  {`{"a":1}`, "1m@08:00", "line 3:"},
		"no time":        {`{"specversion":"1.0","id":"x","source":"s","type":"t"}`, "1m@08:00", "line 3: the event has no time"},
		"a wrong outage": {"", "10m", "--outage"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := filepath.Join(t.TempDir(), "bad.jsonl")
			if err := os.WriteFile(bad, append(good, test.line...), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errOut strings.Builder
			code := execute([]string{"forecast", "--config", config, "--trace", bad, "--outage", test.outage}, &out, &errOut)
			if code != exitUsage || !strings.Contains(errOut.String(), test.want) || out.Len() > 0 {
				t.Errorf("exit code %d: %s%s", code, errOut.String(), out.String())
			}
		})
	}
}

// BenchmarkForecastCommand is a day of 100,000 events, from file to totals.
func BenchmarkForecastCommand(b *testing.B) {
	config, trace := forecastFolder(b, 100_000, 200, 864*time.Millisecond)
	for b.Loop() {
		forecastTold(b, "--config", config, "--trace", trace)
	}
}
