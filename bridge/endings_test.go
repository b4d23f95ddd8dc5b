package bridge_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

const checked = `[{"name": "checked", "on": "etl", "app": "$Sales",
	"do": [{"copy": {"name": "Rehearsal"}}, {"reload": {"app": "${steps.copy.app_id}"}},
		{"assert": {"app": "${steps.copy.app_id}", "that": "rows(\"Sales\") > 0 && ASKED"}}, {"publish": {"space": "$Company"}}],
	"on_failure": [{"emit": {"type": "com.example.sales.stale", "subject": "sales", "data": {"day": "${data.day}", "late": true}}}],
	"always": [{"delete": {"app": "${steps.copy.app_id}"}}]}]`

// told returns the outcomes of a type that were seen.
func (r *rig) told(kind string) []event.Event {
	return slices.DeleteFunc(slices.Clone(r.seen), func(e event.Event) bool { return e.Type() != kind })
}

func TestRunWhoseAssertionHoldsPublishesAndTidiesUp(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: dialect}, strings.ReplaceAll(checked, "ASKED", `\"Amount\" in fields`))
			r.dispatch()
			r.send(`{"day": "monday"}`)
			r.until("run.succeeded")
			r.wantTypes("copy.succeeded", "reload.queued", "reload.started", "reload.succeeded", "assert.succeeded", "publish.succeeded",
				"delete.succeeded", "run.succeeded")
			if id := r.tenant.App("Rehearsal"); id != "" {
				t.Errorf("the copy %s is still there", id)
			}
		})
	}
}

func TestFailedAssertionStopsThePublishAndIsTold(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, sim.Config{Dialect: dialect}, strings.ReplaceAll(checked, "ASKED", `rows(\"Customers\") < 0`))
			r.dispatch()
			r.send(`{"day": "monday"}`)
			ended := r.until("run.failed")
			r.wantTypes("copy.succeeded", "reload.queued", "reload.started", "reload.succeeded", "assert.failed",
				"com.example.sales.stale", "delete.succeeded", "run.failed")
			var data events.RunData
			r.must(json.Unmarshal(ended.Data(), &data))
			if data.Reason != events.ReasonAssertionFailed || !strings.Contains(data.Error, "is false; rows: Customers ") || len(data.Steps) != 6 {
				t.Errorf("told %+v", data)
			}
			stale := r.told("com.example.sales.stale")[0]
			var emitted events.EmitData
			r.must(json.Unmarshal(stale.Data(), &emitted))
			if stale.Subject() != "sales" || emitted.Reason != events.ReasonAssertionFailed || emitted.Data["day"] != "monday" || emitted.Data["late"] != true {
				t.Errorf("emitted %s: %+v", stale.Subject(), emitted)
			}
			if r.called("publishApp", 201)+r.called("publishApp", 200) > 0 || r.tenant.App("Rehearsal") != "" {
				t.Errorf("it was published, or the copy is still there: %v", r.types())
			}
		})
	}
}

func TestLostMoveAndDeleteAreFoundByTheirApp(t *testing.T) {
	t.Parallel()
	for _, drop := range []string{sim.DropAfter, sim.DropBefore} {
		t.Run(drop, func(t *testing.T) {
			t.Parallel()
			tenant := sim.New(sim.Config{})
			tenant.AddSpace("Attic", qlik.SpaceShared)
			r := newRigOn(t, tenant, `[{"name": "archive", "on": "etl", "app": "$Sales",
				"do": [{"move": {"space": "$Attic"}}, {"delete": {"app": "$Finance"}}], "always": [{"emit": {"type": "com.example.done"}}]}]`)
			for _, operation := range []string{"moveAppToSpace", "deleteApp"} {
				r.must(tenant.Inject(sim.Fault{Operation: operation, Drop: drop, Count: 1}))
			}
			r.dispatch()
			r.send(`{}`)
			r.until("run.succeeded")
			r.wantTypes("move.succeeded", "delete.succeeded", "com.example.done", "run.succeeded")
			calls := map[string]int{sim.DropAfter: 0, sim.DropBefore: 1}[drop]
			if n := r.called("moveAppToSpace", 200); n > 1 || n < calls {
				t.Errorf("%d moves were answered", n)
			}
			app, err := r.client.GetApp(t.Context(), tenant.App("Sales"))
			r.must(err)
			if app.SpaceID != tenant.Space("Attic") || tenant.App("Finance") != "" {
				t.Errorf("the app is in %s", app.SpaceID)
			}
		})
	}
}

func TestDeleteOfAnAppThatIsNotThereFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "gone", "on": "etl",
		"do": [{"delete": {"app": "5ee2a60d-062c-47e4-8d0a-88b6df20f88f"}}, {"reload": {"app": "$Sales"}}]}]`)
	r.dispatch()
	r.send(`{}`)
	r.until("run.failed")
	r.wantTypes("delete.failed", "run.failed")
}

func TestFailedStepOfAnEndingKeepsNoneOfTheOthersBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "watched", "on": "etl", "app": "$Sales", "do": ["reload", {"publish": {"space": "$Company"}}],
		"on_failure": [{"reload": {"app": "$Finance"}, "as": "other"}, {"emit": {"type": "com.example.stale"}}]}]`)
	r.must(r.tenant.Inject(sim.Fault{FailReload: "EngineConnectionError", Count: 2}))
	r.dispatch()
	r.send(`{}`)
	r.until("run.failed")
	r.wantTypes("reload.queued", "reload.started", "reload.failed", "reload.queued", "reload.started", "reload.failed",
		"com.example.stale", "run.failed")
}
