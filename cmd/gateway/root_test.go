package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

func TestWhatACommandLineSaysAndNobodyCanReadIsAMistakeInIt(t *testing.T) {
	t.Parallel()
	path, body := filepath.Join(t.TempDir(), "gateway.yaml"), filepath.Join(t.TempDir(), "body.json")
	for file, text := range map[string]string{path: tenantWithKey + "sources: {jobs: {verify: none}}\n", body: `{"a": 1}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ args, says string }{
		{"pause tenant --until tomorrow", `--until "tomorrow": expected a time`},
		{"pause tenant --for -1h", "give one of --for"},
		{"breaker open --until tomorrow", `--until "tomorrow": expected a time`},
		{"runs resolve 1 --as done", `--as "done": expected succeeded, failed or retry`},
		{"runs ls --state broken", `--state "broken": expected gathering, ready`},
		{"resume app", "usage: gateway resume app APP"},
		{"resume rule", "usage: gateway resume rule RULE"},
		{"replay --from yesterday", `--from "yesterday": expected a time`},
		{"replay --from 2h --to later", `--to "later": expected a time`},
		{"replay --rule each", "--from: expected the time"},
		{"replay --from 2h --rate 2000", "--rate: expected more than 0"},
		{"subscriptions replay told", `"since" not set`},
		{"subscriptions replay told --since yesterday", `--since "yesterday": expected a time`},
		{"subscriptions replay told --since=", "--since is empty"},
		{"restore", "either FILE"},
		{"restore --taken yesterday", `--taken "yesterday": expected a time`},
		{"restore --taken 2026-01-01T00:00:00Z --aside", "either FILE"},
		{"runs start", "give one of FILE and --reload APP"},
		{"runs start --reload sales --url ::", "--url"},
		{"runs ls --server http://%zz", "--server"},
		{"ready --server http://%zz", "--server"},
		{"ready now", "takes no arguments"},
		{"run --log-level loud", `--log-level "loud": expected debug`},
		{"sim --dialect french", `--dialect "french": expected openapi or cloud`},
		{"demo --fault none", `--fault "none": expected double or lose`},
		{"presets nosuch", `no preset "nosuch"`},
		{"explain --config " + path + " --source jobs --header X-Some " + body, `header "X-Some": expected "Name: value"`},
		{"send --config " + path + " --source jobs --generate --header X-Some", `header "X-Some": expected "Name: value"`},
		{"bench --url http://127.0.0.1:1 --header X-Some", `header "X-Some": expected "Name: value"`},
		{"forecast --config " + path + " --trace - --reload-time 0s", "--reload-time 0s: expected more"},
	} {
		code, said := said(strings.Fields(test.args)...)
		if code != exitUsage || !strings.Contains(said, test.says) || !strings.Contains(said, "; --help says more") {
			t.Errorf("gateway %s: %d, %s", test.args, code, said)
		}
	}
}
