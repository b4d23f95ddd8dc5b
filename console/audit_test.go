package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
)

// audited is what the newest event of a change says.
type audited struct {
	ID, Subject string
	Data        events.AuditData
}

// changes returns the events of all changes, the oldest first.
func (d *desk) changes() []audited {
	d.t.Helper()
	stream, err := d.broker.JetStream().Stream(d.t.Context(), d.broker.Names().Out)
	d.must(err)
	var all []audited
	info, err := stream.Info(d.t.Context())
	d.must(err)
	for seq := uint64(1); seq <= info.State.LastSeq; seq++ {
		msg, err := stream.GetMsg(d.t.Context(), seq)
		d.must(err)
		if strings.Contains(msg.Subject, ".audit.recorded.") {
			var one audited
			d.must(json.Unmarshal(msg.Data, &one))
			all = append(all, one)
		}
	}
	return all
}

func TestEveryChangeIsToldAsAnEvent(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(cfg *console.Config) {
		cfg.Tokens = []console.Token{{Name: "ann", Role: console.Operator, Secret: "canary-operator"}, {Name: "bob", Role: console.Viewer, Secret: "canary-viewer"}}
	})
	run := d.put(0, 1, bridge.RunHeld, bridge.StepUnknown)
	d.bury()
	d.subscribe("alerts")
	form, order := "application/x-www-form-urlencoded", "application/json"
	for _, change := range []struct{ method, path, body, media, action, object, outcome string }{
		{"POST", "/api/v1/runs/" + run + "/cancel", "{}", order, "cancelRun", "runs/" + run, "failed"}, // no dispatcher works here
		{"POST", "/api/v1/runs/none/resolve", `{"as": "retry"}`, order, "resolveRun", "runs/none", "refused"},
		{"POST", "/runs/" + run + "/resolve", "as=retry", form, "resolveRun", "runs/" + run, "refused"},
		{"POST", "/runs/" + run + "/retry", "", form, "retryRun", "runs/" + run, "refused"},
		{"POST", "/api/v1/runs/" + run + "/retry", "{}", order, "retryRun", "runs/" + run, "refused"},
		{"POST", "/api/v1/pauses", `{"rule": "refresh"}`, order, "createPause", "pauses/acme.rule.refresh", "failed"},
		{"POST", "/pauses", "what=acme.tenant&for=1h&reason=close", form, "createPause", "pauses/acme.tenant", "refused"},
		{"DELETE", "/api/v1/pauses/acme.tenant", "", order, "deletePause", "pauses/acme.tenant", "refused"},
		{"POST", "/api/v1/log", `{"level": "debug"}`, order, "setLogLevel", "log", "done"},
		{"POST", "/api/v1/backup", "{}", order, "backUp", "backup", "refused"},
		{"POST", "/api/v1/subscriptions/alerts/enable", "{}", order, "enableSubscription", "subscriptions/alerts", "done"},
		{"POST", "/api/v1/replay", `{"from": "2026-01-01T00:00:00Z"}`, order, "replay", "replay", "done"},
		{"POST", "/api/v1/replay", `{"run": "` + run + `"}`, order, "retryRun", "runs/" + run, "refused"}, // as gateway runs retry asks
		{"POST", "/api/v1/dead/1/replay", "{}", order, "replayDeadLetter", "dead/1", "done"},
		{"POST", "/dead", "letter=9&do=replay", form, "replayDeadLetter", "dead/9", "refused"},
		{"DELETE", "/api/v1/dead/1", "", order, "dropDeadLetter", "dead/1", "done"},
	} {
		before := d.changes()
		d.ask(change.method, change.path, change.body, "Content-Type", change.media, "Authorization", "Bearer canary-operator")
		after := d.changes()
		if len(after) != len(before)+1 {
			t.Errorf("%s %s: %d events", change.method, change.path, len(after)-len(before))
			continue
		}
		got := after[len(after)-1]
		if got.Data.By != "ann" || got.Data.Action != change.action || got.Data.Object != change.object || got.Data.Outcome != change.outcome || got.Subject != change.object {
			t.Errorf("%s %s is told as %+v", change.method, change.path, got)
		}
	}
	before := len(d.changes())
	d.ask("POST", "/api/v1/replay", `{"from": "2026-01-01T00:00:00Z", "dry_run": true}`, "Content-Type", order, "Authorization", "Bearer canary-operator")
	d.ask("POST", "/dead", "letter=1", "Content-Type", form, "Authorization", "Bearer canary-operator")
	d.ask("POST", "/api/v1/log", `{"level": "info"}`, "Content-Type", order, "Authorization", "Bearer canary-viewer")
	if n := len(d.changes()) - before; n != 0 {
		t.Errorf("%d changes are told where nothing was to be changed", n)
	}
	replays := 0
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, `"hop":"replay"`) {
			if replays++; !strings.Contains(line, `"by":"ann@127.0.0.1"`) {
				t.Errorf("the log does not say who replayed: %s", line)
			}
		}
	}
	if replays == 0 {
		t.Error("no replay is in the log")
	}
}

func TestChangeThatCannotBeToldIsInTheLog(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.must(d.broker.JetStream().DeleteStream(context.WithoutCancel(t.Context()), d.broker.Names().Out))
	if got := d.ask(http.MethodPost, "/api/v1/log", `{"level": "debug"}`, "Content-Type", "application/json"); got.StatusCode != http.StatusOK {
		t.Errorf("%s %s", got.Status, got.body)
	}
	for _, text := range []string{`"action":"setLogLevel"`, `"outcome":"done"`, "the event of a change is not stored"} {
		if !strings.Contains(d.log.String(), text) {
			t.Errorf("no %s in the log: %s", text, d.log.String())
		}
	}
}
