package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
)

// nasty clears a terminal, names its window, goes up a line (also as one character of
// C1), hides what it wrote, and turns round what follows.
const nasty = "\x1b[2J\x1b]0;pwned\a\x1b[1Aa\u009b1Ab\rc\x08d\x7f\u202ee"

// spoiled is a console whose every answer holds what somebody wrote for the terminal of
// an operator.
func spoiled(t *testing.T) string {
	t.Helper()
	now := time.Now()
	event := json.RawMessage(`{"id":"1","data":"` + "\u009b1A\x7f" + `"}`) // JSON escapes the others itself
	answers := map[string]any{
		"/api/v1/runs": console.RunList{Data: []console.Run{{ID: "1", Rule: nasty, State: "failed", Opened: now}}},
		"/api/v1/runs/1": console.Run{
			ID: "1", Rule: "r", State: "failed", Error: nasty + "\nrule  forged", Opened: now, Ended: now, Causes: console.Causes{First: []string{nasty}},
			Steps: []console.Step{{Name: "reload", Status: nasty, Error: nasty}},
		},
		"/api/v1/dead":    console.DeadLetterList{Data: []console.DeadLetter{{Sequence: 1, Source: nasty, Hint: nasty}}},
		"/api/v1/dead/1":  console.DeadLetter{Sequence: 1, Source: nasty, Hint: nasty, Body: nasty},
		"/api/v1/events":  console.List[console.Told]{Data: []console.Told{{Sequence: 1, Time: now, Type: nasty, Tenant: nasty, Run: nasty, Event: event}}},
		"/api/v1/pauses":  console.List[console.Pause]{Data: []console.Pause{{ID: "1", Of: bridge.PauseRule, Reason: nasty, Since: now}}},
		"/api/v1/tenants": console.List[console.TenantStatus]{Data: []console.TenantStatus{{Tenant: console.Tenant{Name: "acme"}, Error: nasty}}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		switch {
		case r.URL.Path == "/api/v1/runs/1/log":
			_, _ = w.Write([]byte("load\r\n" + nasty))
		case known:
			_ = json.NewEncoder(w).Encode(answer)
		default:
			w.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": nasty})
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestTerminalDoesNotObeyWhatOthersWrote(t *testing.T) {
	t.Parallel()
	server := spoiled(t)
	for _, line := range []string{
		"runs ls", "runs show 1", "runs log 1", "runs watch 1", "runs cancel 1", "dead ls", "dead show 1", "dead replay 1", "events tail --once", "events show 7", "pause ls", "tenants ls",
	} {
		for _, json := range []string{"", " --json"} {
			code, out := said(strings.Fields(line + json + " --server " + server)...)
			if at := strings.IndexFunc(strings.ReplaceAll(out, "\r\n", "\n"), func(r rune) bool {
				return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
			}); at >= 0 || out == "" {
				t.Errorf("gateway %s%s: %d, %q", line, json, code, out)
			}
		}
	}
	if _, out := said("runs", "show", "1", "--server", server); strings.Contains(out, "\nrule  forged") || !strings.Contains(out, `\u001b[2J`) {
		t.Errorf("what was written is not shown as it is, in its line:\n%s", out)
	}
	var log struct{ Log string }
	if _, out := said("runs", "log", "1", "--json", "--server", server); json.Unmarshal([]byte(out), &log) != nil || log.Log != "load\r\n"+nasty {
		t.Errorf("programs get something else than what was written: %q", log.Log)
	}
}
