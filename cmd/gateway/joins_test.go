package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamplesOfJoinsAndChainsAreWhatTheySay runs the rules of docs/joins.md.
func TestExamplesOfJoinsAndChainsAreWhatTheySay(t *testing.T) {
	t.Setenv("JOINS_SECRET", testSecret)
	text, err := os.ReadFile("../../docs/joins.md")
	if err != nil {
		t.Fatal(err)
	}
	config := `
tenants: {acme: {url: "http://127.0.0.1:9", api_key: env:JOINS_SECRET}}
apps: {sales: {id: 8ee2a60d-062c-47e4-8d0a-88b6df20f88f}, finance: {id: 11111111-2222-3333-4444-555555555555}}
sources: {dbt: {preset: dbt-cloud, secret: env:JOINS_SECRET}, fivetran: {preset: fivetran, secret: env:JOINS_SECRET}}
rules:
`
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "      ") {
			config += line
		}
	}
	outcome := `{"specversion": "1.0", "id": "r1", "source": "/qlikgateway/acme", "type": "io.qlikgateway.v1.run.succeeded",
		"rule": "after-both", "tenant": "acme", "time": "2026-11-23T00:00:00Z", "data": {}}`
	for source, test := range map[string]struct{ event, want string }{
		"dbt": {
			fill(demoDbt, map[string]string{"id": "77", "time": "2026-11-23T00:00:00Z", "status": "Success", "code": "10"}),
			"yes   after-both, tenant acme: as part dbt of its join, which needs crm, and else expires after 2h0m0s\n",
		},
		"fivetran": {`{"event": "sync_end"}`, "no    after-both: it is none of the parts of its source: crm\n"},
		"gateway":  {outcome, "yes   then-finance, tenant acme: at once\n"},
	} {
		folder := t.TempDir()
		for name, text := range map[string]string{"gateway.yaml": config, "event.json": test.event} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out, errOut strings.Builder
		args := []string{"explain", "--config", filepath.Join(folder, "gateway.yaml"), "--source", source, filepath.Join(folder, "event.json")}
		if code := execute(args, &out, &errOut); code != exitDone || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: exit code %d\n%s%s\nwant %s", source, code, out.String(), errOut.String(), test.want)
		}
	}
}
