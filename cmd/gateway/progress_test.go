package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// underWay is a run whose reload has been running for some seconds.
func underWay(elapsed, usual float64) console.Run {
	return console.Run{State: "running", Steps: []console.Step{
		{Name: "reload", State: "submitted", Status: "RELOADING", Progress: &console.Progress{Elapsed: elapsed, Usual: usual}},
	}}
}

func TestProgressMovesOnATerminalAndIsALineForEachQuarterElsewhere(t *testing.T) {
	t.Parallel()
	waiting := console.Run{State: "ready", Waits: &bridge.Parked{Wait: bridge.WaitApp, Other: "run-1"}}
	ended := console.Run{State: "succeeded", Ended: time.Now()}
	runs := []console.Run{waiting, waiting, underWay(1, 40), underWay(2, 40), underWay(11, 40), underWay(39, 40), underWay(50, 40), underWay(90, 40), ended}
	submitted := "12:00:00 running  reload: submitted (RELOADING)"
	for name, test := range map[string]struct {
		ticker ticker
		want   string
	}{
		"pipe": {ticker{}, "12:00:00 ready\n" + submitted + "  1s of about 40s\n" + submitted + "  11s of about 40s\n" +
			submitted + "  39s of about 40s\n" + submitted + "  50s, usually about 40s\n12:00:00 succeeded\n"},
		"terminal": {ticker{width: 80}, "12:00:00 ready\nwaits for the app, which another run has: run-1" + wipe + "waits for the app, which another run has: run-1" +
			wipe + submitted + "\n[........................] 1s of about 40s" + wipe + "[#.......................] 2s of about 40s" +
			wipe + "[######..................] 11s of about 40s" + wipe + "[#######################.] 39s of about 40s" +
			wipe + "[########################] 50s, usually about 40s" + wipe + "[########################] 1m30s, usually about 40s" +
			wipe + "12:00:00 succeeded\n"},
	} {
		var out bytes.Buffer
		test.ticker.out = &out
		for _, run := range runs {
			if err := test.ticker.show(run, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
		}
		test.ticker.stop()
		if out.String() != test.want {
			t.Errorf("%s: %q, want %q", name, out.String(), test.want)
		}
	}
	var out bytes.Buffer
	lines := ticker{out: &out, asJSON: true}
	for _, run := range runs {
		if err := lines.show(run, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 6 || strings.Count(out.String(), `"usual_seconds":40`) != 4 {
		t.Errorf("%d lines of JSON: %s", n, out.String())
	}
	looks := []error{nil, errors.New("refused"), errors.New("refused"), nil}
	err := follow(t.Context(), io.Discard, false, func() (console.Run, error) {
		err := looks[0]
		if looks = looks[1:]; len(looks) == 0 {
			return console.Run{State: "succeeded", Ended: time.Now()}, err
		}
		return console.Run{}, err
	})
	if err != nil || len(looks) > 0 {
		t.Errorf("a run is not followed while the gateway starts again: %v", err)
	}
	if got := movingLine(underWay(5, 0), 5); got != "5s s" {
		t.Errorf("in five columns: %q", got)
	}
}
