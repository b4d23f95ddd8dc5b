package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestWordThatIsNoCommandIsNotTakenForAWishForHelp(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"runs lss": `did you mean "ls"?`, "pause tenan": `did you mean "tenant"?`, "webhooks nosuch": `unknown command "nosuch"`, "nosuch": `unknown command "nosuch"`,
		"runs watch": "usage: gateway runs watch RUN", "runs ls --since 1h": "unknown flag: --since\nusage: gateway runs ls",
		"nosuch ls": "gateway --help lists the commands", "--nosuch": "gateway --help lists the commands", "check gateway.yaml": "; --config names a configuration\nusage: gateway check",
		"send --generate": "usage: gateway send --source NAME", "send --source jobs": "usage: gateway send --source NAME", "runs resolve 1": `"as" not set`,
	} {
		var out, errOut bytes.Buffer
		if code := execute(strings.Fields(args), &out, &errOut); code != exitUsage || !strings.Contains(errOut.String(), says) || out.Len() > 0 {
			t.Errorf("gateway %s: %d, %s%s", args, code, out.String(), errOut.String())
		}
	}
	for _, args := range []string{"runs", "runs --help", "help runs"} {
		var out, errOut bytes.Buffer
		if code := execute(strings.Fields(args), &out, &errOut); code != exitDone || out.Len() == 0 {
			t.Errorf("gateway %s: %d, %s", args, code, errOut.String())
		}
	}
}

func TestServerMayBeWrittenAsConsoleAddrIs(t *testing.T) {
	t.Parallel()
	console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"pauses":[]}`))
	}))
	defer console.Close()
	var out, errOut bytes.Buffer
	if code := execute([]string{"pause", "ls", "--server", strings.TrimPrefix(console.URL, "http://")}, &out, &errOut); code != exitDone {
		t.Errorf("%d, %s", code, errOut.String())
	}
}

func TestLogTellsMilliseconds(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := newLog(&out, zerolog.InfoLevel)
	log.Info().Str("hop", "call").Msg("asked Qlik")
	var line struct{ Hop, Message, Time string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Hop != "call" || line.Message != "asked Qlik" {
		t.Fatalf("%v: %s", err, out.String())
	}
	if at, err := time.Parse(time.RFC3339, line.Time); err != nil || len(line.Time) != len("2006-01-02T15:04:05.000Z") || time.Since(at).Abs() > time.Minute {
		t.Errorf("%v: %s", err, line.Time)
	}
}
