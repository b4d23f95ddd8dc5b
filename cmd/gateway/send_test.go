package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestSendImitatesTheSenderOfASource(t *testing.T) {
	t.Parallel()
	text := `sources:
  dbt: {preset: dbt-cloud, secret: a-secret-of-dbt-cloud-1}
  bytes: {preset: airbyte, secret: a-secret-of-airbyte-001}
  git: {preset: gitlab, secret: whsec_c2VjcmV0IG9mIHRoZSB0ZXN0}
  lineage: {preset: openlineage, secret: a-secret-of-lineage-001}
  grid: {preset: azure-event-grid, secret: a-secret-of-eventgrid-1}
  ce: {preset: cloudevents, secret: a-secret-of-cloudevents}
  jobs: {verify: {hmac: {header: X-Sig, hash: sha512, signed: "{timestamp}.{body}", timestamp: X-Time}}, secret: a-secret-of-the-jobs-01}
  sns: {preset: aws-sns, verify: {sns: {topics: ['arn:aws:sns:eu-west-1:123456789012:loads']}}}
rules: [{name: r, on: [dbt, lineage], app: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, do: [reload]}]
`
	r := reloadable(t, text)
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte(`{"eventType":"job.run.completed","eventId":"wev_x","data":{"runStatusCode":10}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--source", "dbt", "--file", body}, 0, `"id":"wev_x","source":"dbt","matches":["r"]`},
		{[]string{"--source", "dbt", "--file", body}, 0, `"duplicate":true`},
		{[]string{"--source", "dbt", "--file", body, "--sign=false"}, 1, "401 Unauthorized"},
		{[]string{"--source", "dbt", "--generate"}, 0, `"matches":["r"]`},
		{[]string{"--source", "dbt", "--generate", "--failed"}, 0, `"matches":[]`},
		{[]string{"--source", "bytes", "--generate"}, 0, "202 Accepted"},
		{[]string{"--source", "git", "--generate"}, 0, "202 Accepted"},
		{[]string{"--source", "lineage", "--generate"}, 0, `"matches":["r"]`},
		{[]string{"--source", "grid", "--generate"}, 0, "202 Accepted"},
		{[]string{"--source", "ce", "--generate"}, 0, "202 Accepted"},
		{[]string{"--source", "jobs", "--generate"}, 0, "202 Accepted"},
		{[]string{"--source", "dbt", "--generate", "-H", "Content-Encoding: gzip"}, 1, "415"},
		{[]string{"--source", "sns", "--generate"}, 1, "only Amazon SNS can sign"},
		{[]string{"--source", "nobody", "--generate"}, 1, `no source "nobody" takes deliveries over HTTP; those that do: bytes, ce, dbt, git, grid, jobs, lineage, sns`},
		{[]string{"--source", "dbt", "--file", "none.json"}, 1, "none.json"},
		{[]string{"--source", "dbt"}, exitUsage, "file generate"},
	} {
		code, out, errOut := command(append([]string{"send", "--config", r.path, "--url", r.url}, tt.args...)...)
		if code != tt.code || !strings.Contains(out+errOut, tt.want) {
			t.Errorf("%v: code %d, %s%s", tt.args, code, out, errOut)
		}
		if strings.Contains(out+errOut, "a-secret-of") {
			t.Errorf("%v shows a secret: %s%s", tt.args, out, errOut)
		}
	}
	code, out, errOut := command("send", "--config", r.path, "--url", "http://127.0.0.1:1", "--source", "bytes", "--generate")
	if code != exitFailed || !strings.Contains(errOut, "is the gateway running") || strings.Contains(out+errOut, "a-secret-of") {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
}

// TestSendWaitsForAGatewayThatStarts has nothing listen at first, then something that
// cannot store yet.
func TestSendWaitsForAGatewayThatStarts(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if !unready(t.Context(), address) {
		t.Error("nothing listens, and send does not wait")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	await(over, address) // returns
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		http.Error(w, "", http.StatusMethodNotAllowed)
	}))
	defer server.Close()
	if await(t.Context(), server.URL); asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
}
