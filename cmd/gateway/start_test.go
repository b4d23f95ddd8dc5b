package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunIsStartedAndWatchedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newSite(t, "  []\napps: {sales: {id: \"{{Sales}}\"}}\n", "--reload-time", "300ms")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := []string{"runs", "start", "--secret-file", secret, "--url", "http://" + s.up.HTTP}
	out := s.want(exitDone, "SUCCEEDED", append(start, "--reload", "sales", "--wait", "--key", "k1")...)
	_, rest, _ := strings.Cut(out, "run ")
	id, _, _ := strings.Cut(rest, " ")
	s.want(exitDone, "before", append(start, "--reload", "sales", "--key", "k1")...)
	s.want(exitDone, "before", "runs", "start", "--secret-file", secret, "--url", s.up.HTTP, "--reload", "sales", "--key", "k1")
	body := filepath.Join(t.TempDir(), "run.json")
	if err := os.WriteFile(body, []byte(`{"do": [{"reload": {"app": "2f1c6e0a-1111-4222-8333-444455556666"}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(exitSurprise, "failed", append(start, body, "--wait")...)
	s.want(exitUsage, "one of FILE and --reload", start...)
	s.want(exitFailed, "not that of the source runs; it is read from --secret-file", "runs", "start", "--reload", "sales", "--url", "http://"+s.up.HTTP)
	s.want(exitDone, `"io.qlikgateway.v1.run.succeeded"`, "events", "show", id+"/run.succeeded")
	s.want(exitDone, `"io.qlikgateway.v1.reload.queued"`, "events", "show", "1")
	s.want(exitFailed, "no outcome", "events", "show", "none")
}
