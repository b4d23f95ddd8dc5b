package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRuleTestsSayWhatSurprises(t *testing.T) {
	t.Parallel()
	var out, errOut strings.Builder
	if code := execute([]string{"test", "../../examples/first/rules_test.yaml"}, &out, &errOut); code != exitDone {
		t.Fatalf("the example ends with %d: %s%s", code, out.String(), errOut.String())
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	text := `
tests:
  - {name: wrong rule, source: jobs, body: {job: nightly}, expect: {other: []}}
  - {name: wrong argument, source: jobs, body: {job: nightly}, expect: {refresh-sales: [{reload: {partial: true}}]}}
  - {name: wrong action, source: jobs, body: {job: nightly}, expect: {refresh-sales: [publish]}}
  - {name: no match, source: jobs, body: {job: x}, expect: {refresh-sales: []}}
  - {name: wrong ending, source: jobs, body: {job: nightly}, expect: {refresh-sales: {do: [reload], always: [{emit: {type: a.b}}]}}}
  - {name: right, source: jobs, body: {job: nightly}, expect: {refresh-sales: [reload]}}
`
	if err := os.WriteFile(wrong, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if code := execute([]string{"test", "--config", "../../examples/first/gateway.yaml", wrong}, &out, &errOut); code != exitSurprise {
		t.Fatalf("surprises end with %d, want %d: %s", code, exitSurprise, errOut.String())
	}
	want := `FAIL wrong rule
     rule refresh-sales matches and was not expected
     rule other is not configured
FAIL wrong argument
     rule refresh-sales step 1 (reload): partial is <nil>, expected true
FAIL wrong action
     rule refresh-sales step 1 is reload, expected publish
FAIL no match
     rule refresh-sales does not match: when is false
FAIL wrong ending
     rule refresh-sales always has 0 steps, expected 1
ok   right
1 passed, 5 failed
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

// TestRulesAreLookedAtWithoutSecrets holds that whoever only looks at rules, such as
// CI of a change to them, needs no secret and no address of a subscription.
func TestRulesAreLookedAtWithoutSecrets(t *testing.T) {
	t.Parallel()
	configs, err := filepath.Glob("../../examples/*/gateway.yaml")
	if err != nil || len(configs) < 10 {
		t.Fatalf("%d configurations, %v", len(configs), err)
	}
	for _, config := range configs {
		if _, err := correct(config); err != nil {
			t.Error(err)
		}
	}
	slack := "../../examples/slack/gateway.yaml"
	if _, problems := parseConfig(slack, read(t, slack), func(string) (string, bool) { return "", false }); mistakes(problems) != 3 {
		t.Errorf("a gateway that is to run lacks its secrets, and hears %v", problems)
	}
}
