package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; -update writes it anew. Got:\n%s\nwant:\n%s", path, text, want)
	}
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// environment has a value for every variable but NOT_SET and EMPTY.
func environment(name string) (string, bool) {
	switch name {
	case "NOT_SET":
		return "", false
	case "EMPTY":
		return "", true
	case "LINE_END":
		return "of a variable\r\n", true
	case "ONLY_LINE_END":
		return "\n", true
	case "SLACK_URL":
		return "https://hooks.slack.com/services/T0/B0/hidden", true
	case "GITLAB":
		return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true
	}
	return "the secret of " + name, true
}

func lines(problems []problem) string {
	var text strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&text, p)
	}
	return text.String()
}

func TestGoodConfigurationHasNoProblems(t *testing.T) {
	t.Parallel()
	c, problems := parseConfig("gateway.yaml", read(t, "testdata/good.yaml"), environment)
	if c == nil || len(problems) > 0 {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	if got := c.Tenants["acme"].Qlik.OAuth.ClientSecret; got != "the secret of ACME_SECRET" {
		t.Errorf("client secret %q", got)
	}
	if got := fmt.Sprintln(c.Tenants["acme"].Quota, c.SourceNames, c.RuleNames, c.HTTPAddr, c.ConsoleAddr); got !=
		"map[reload:{50 1m0s}] [airflow dbt etl events fivetran gitlab jobs] [refresh-sales copies fivetran] :8080 127.0.0.1:8081\n" {
		t.Errorf("got %s", got)
	}
}

func TestEveryMistakeIsReportedAtOnceWithItsLine(t *testing.T) {
	t.Parallel()
	c, problems := parseConfig("gateway.yaml", read(t, "testdata/mistakes.yaml"), environment)
	if c != nil {
		t.Error("a configuration came out of mistakes")
	}
	golden(t, "mistakes.txt", lines(problems))
}

func TestUnknownPresetIsAMistakeOfItsSource(t *testing.T) {
	t.Parallel()
	_, problems := parseConfig("gateway.yaml", []byte(tenant+"sources: {dbt: {preset: dbt-clod, secret: env:DBT}}"), environment)
	if got := lines(problems); !strings.Contains(got, "gateway.yaml:2:17: sources.dbt.preset: ") || mistakes(problems) != 1 {
		t.Errorf("got:\n%s", got)
	}
}
