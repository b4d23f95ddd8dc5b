package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

func TestExplainSaysWhatEveryRuleMakesOfAnEvent(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("EXPLAIN_SECRET", testSecret)
	config, event := filepath.Join(folder, "gateway.yaml"), filepath.Join(folder, "dbt.json")
	for path, text := range map[string]string{
		config: `
tenants: {acme: {url: "http://127.0.0.1:9", api_key: env:EXPLAIN_SECRET}}
apps: {sales: {id: 8ee2a60d-062c-47e4-8d0a-88b6df20f88f, publish: {space: 79264304a1fe8050f02c5651}}}
sources: {dbt: {preset: dbt-cloud, secret: env:EXPLAIN_SECRET}, etl: {nats: {subject: etl.done}}}
rules:
  - {name: a, on: dbt, app: sales, gather: {quiet: 30s, max: 5m}, retry: {on: [FAILED], attempts: 3}, do: [{reload: {variables: {R: "${run_id}"}}}, {assert: 'rows("Sales") > 0'}, publish],
     on_failure: [{emit: {type: com.example.stale, data: {run: "${run_id}"}}}], always: [{move: {space: s9}}]}
  - {name: b, on: dbt, when: 'data.nope == 1', app: sales, do: [reload]}
  - {name: c, on: etl, app: sales, do: [reload]}
  - {name: d, on: dbt, when: 'job == "x"', app: sales, do: [reload]}
`,
		event: fill(demoDbt, map[string]string{"id": "77", "time": "2026-11-23T00:00:00Z", "status": "Success", "code": "10"}),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errOut strings.Builder
	if code := execute([]string{"explain", "--config", config, "--source", "dbt", event}, &out, &errOut); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	want := `event wev_77, type com.getdbt.job.run.completed, of source dbt
      outcome succeeded, job "Daily build" (123), run 77
yes   a, tenant acme: when nothing new came for 30s, at most 5m0s after the first
      1. reload {"app":"8ee2a60d-062c-47e4-8d0a-88b6df20f88f","variables":{"R":"77"}}
      2. assert {"app":"8ee2a60d-062c-47e4-8d0a-88b6df20f88f","that":"rows(\"Sales\") \u003e 0"}
      3. publish {"app":"8ee2a60d-062c-47e4-8d0a-88b6df20f88f","space":"79264304a1fe8050f02c5651"}
      4. on failure: emit {"type":"com.example.stale","data":{"run":"77"}}
      5. always: move {"app":"8ee2a60d-062c-47e4-8d0a-88b6df20f88f","space":"s9"}
      a reload that ends FAILED is started again 1m0s later, at most 3 attempts in all
no    b: the event has no nope
no    c: it looks at other sources
no    d: when is false
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
	if code := execute([]string{"explain", "--config", config, "--source", "nobody", event}, &out, &errOut); code != exitFailed {
		t.Errorf("an unknown source ends with %d, want %d", code, exitFailed)
	}
}

func TestCommandWithoutItsConfigurationSaysHowToNameOne(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "gateway.yaml")
	for _, args := range [][]string{{"explain", "--source", "jobs", "-"}, {"restore", "gateway.tar"}, {"check"}, {"run"}} {
		code, said := said(append(args, "--config", missing)...)
		if code != exitFailed || !strings.Contains(said, missing+": read configuration: there is no such file; --config names another") {
			t.Errorf("gateway %s: %d, %s", args[0], code, said)
		}
	}
}

func TestExplanationIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	step := rules.Step{Action: rules.Publish, Late: map[string]string{"target": "${steps.copy.app}", "app": "${steps.copy.app}", "name": "${steps.copy.name}"}}
	for range 50 {
		said := describe(step)
		if app, name, target := strings.Index(said, ", app ="), strings.Index(said, ", name ="), strings.Index(said, ", target ="); app < 0 || name < app || target < name {
			t.Fatal(said)
		}
	}
}
