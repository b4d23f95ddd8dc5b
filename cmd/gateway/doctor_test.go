package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDoctorSaysWhatIsNotWellAndWhatToDo(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: known, on: jobs, app: sales, do: [reload]}
  - {name: published, on: jobs, app: sales, do: [publish], always: [{copy: {app: sales, name: x, space: aspaceofnobody}}]}
  - {name: unknown, on: jobs, app: "2f1c6e0a-1111-4222-8333-444455556666", do: [reload]}
apps: {sales: {id: "{{Sales}}", publish: {space: nosuchspace}}}
`)
	console := "http://" + s.up.Console
	doctor := func(code int, holds string) {
		t.Helper()
		s.want(code, holds, "doctor", "--config", s.ownConfig(), "--server", console)
	}
	doctor(exitFailed, "takes events; its console is "+console)
	doctor(exitFailed, "answers, and takes the credentials")
	doctor(exitFailed, "name an app that is there")
	s.reconfigure("2f1c6e0a-1111-4222-8333-444455556666", s.sample("Finance"))
	doctor(exitFailed, "space nosuchspace")
	doctor(exitFailed, "space aspaceofnobody")
	s.reconfigure("publish: {space: nosuchspace}", "min_interval: 1s")
	s.reconfigure("do: [publish], always: [{copy: {app: sales, name: x, space: aspaceofnobody}}]", "do: [reload]")
	doctor(exitDone, "no gateway answers")
	code, out := s.cli("doctor", "--config", s.ownConfig(), "--server", console, "--json")
	var found struct {
		OK       bool
		Findings []finding
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitDone || !found.OK || len(found.Findings) < 6 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	if strings.Contains(out, testSecret) {
		t.Error("a secret is shown")
	}
	s.reconfigure(`api_key: "`, `api_key: "not-`)
	doctor(exitFailed, "make a new one")
	s.reconfigure("rules:", "ruels:")
	doctor(exitFailed, "gateway check")
}
