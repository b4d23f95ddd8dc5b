package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestDemoHoldsWhatItSaysAndNoticesWhenNot plays the demo as it is and with
// something broken on purpose: its verdict must be able to be no.
func TestDemoHoldsWhatItSaysAndNoticesWhenNot(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		args  []string
		code  int
		holds func(summary) bool
	}{
		"as it is": {nil, exitDone, func(s summary) bool {
			return s == summary{Events: 7, Runs: 4, Reloads: 4, Commands: 6, Outcomes: s.Outcomes} && s.Outcomes >= 12
		}},
		"a reload behind the gateway's back": {[]string{"--fault", faultDouble}, exitFailed, func(s summary) bool { return s.Duplicates == 1 && s.Lost == 0 }},
		"nothing carried out":                {[]string{"--fault", faultLose, "--wait", "500ms"}, exitFailed, func(s summary) bool { return s.Lost == 6 && s.Reloads == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errOut strings.Builder
			code := execute(append([]string{"demo", "--once", "--json"}, want.args...), &out, &errOut)
			if code != want.code {
				t.Errorf("exit code %d, want %d: %s", code, want.code, errOut.String())
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			var result summary
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil {
				t.Fatalf("the last line is %q: %v", lines[len(lines)-1], err)
			}
			if !want.holds(result) {
				t.Errorf("the summary is %s", lines[len(lines)-1])
			}
		})
	}
}

func TestDemoNamesTheCopyThatARunMade(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newHopPrinter(&out, false, map[string]string{"a": "Inventory"})
	for _, line := range []string{
		`{"hop": "call", "run_id": "r1", "action": "copy", "app_id": "a", "verdict": "done"}`,
		`{"hop": "call", "run_id": "r1", "action": "reload", "app_id": "made", "reload_id": "4711", "verdict": "done"}`,
		`{"hop": "call", "run_id": "r2", "action": "reload", "app_id": "other", "reload_id": "4712", "verdict": "done"}`,
		`{"hop": "published", "type": "io.qlikgateway.v1.run.succeeded"}`,
	} {
		if _, err := p.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"Inventory done\n", "the copy of Inventory  (reload 4711)", "other  (reload 4712)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s", want, out.String())
		}
	}
	if p.shown() != 1 {
		t.Errorf("%d outcomes were shown", p.shown())
	}
}
