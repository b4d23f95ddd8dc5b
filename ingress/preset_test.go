package ingress_test

import (
	"bytes"
	"net/http"
	"reflect"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

func TestPresetsUnderstandTheirSenders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source, file string
		id, kind     string
		matches      []string
		facts        rules.Facts
	}{
		{"dbt", "dbt-completed.json", "wev_2QkZ1completed", "com.getdbt.job.run.completed", []string{"refresh"},
			rules.Facts{Outcome: "succeeded", Job: "sales nightly", JobID: "123", RunID: "12345"}},
		{"dbt", "dbt-completed-failed.json", "wev_2QkZ2failed", "com.getdbt.job.run.completed", []string{},
			rules.Facts{Outcome: "failed", Job: "sales nightly", JobID: "123", RunID: "12345"}},
		{"dbt", "dbt-errored.json", "wev_2QkZ3errored", "com.getdbt.job.run.errored", []string{},
			rules.Facts{Outcome: "failed", Job: "sales nightly", JobID: "123", RunID: "12345"}},
		{"dbt", "dbt-started.json", "wev_2QkZ0started", "com.getdbt.job.run.started", []string{},
			rules.Facts{Outcome: "other", Job: "sales nightly", JobID: "123", RunID: "12345"}},
		{"fivetran", "fivetran-successful.json", "0f4703f7-6315-4e22-8d7a-3bfb18b2fed2/sync_end/SUCCESSFUL", "com.fivetran.sync_end",
			[]string{"refresh", "publish"}, rules.Facts{Outcome: "succeeded", Job: "crm_pg", JobID: "calm_river", RunID: "0f4703f7-6315-4e22-8d7a-3bfb18b2fed2"}},
		{"fivetran", "fivetran-failed.json", "0f4703f7-6315-4e22-8d7a-3bfb18b2fed2/sync_end/FAILED", "com.fivetran.sync_end",
			[]string{}, rules.Facts{Outcome: "failed", Job: "crm_pg", JobID: "calm_river", RunID: "0f4703f7-6315-4e22-8d7a-3bfb18b2fed2"}},
		{"qlik", "qlik-reload-finished.json", "b347fd0d-1321-417f-91ee-000000000001", "com.qlik.v1.reload.finished", []string{},
			rules.Facts{Outcome: "succeeded", JobID: "002ff8c5-3c11-4464-a22b-68fb5e7ee5e8", RunID: "6a849f7f18ec290e6ceb025d"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			d := opened(t, nil)
			body := fixture(t, tt.file)
			r := d.signed(t, tt.source, body)
			if r.status != http.StatusAccepted || r.Duplicate || r.Source != tt.source || !reflect.DeepEqual(r.Matches, tt.matches) {
				t.Fatalf("answered %d %s", r.status, r.raw)
			}
			a := d.shelf.arrivals()[0]
			if a.Event.Type() != tt.kind || a.Facts != tt.facts || r.ID != a.Event.ID() || r.ID == "" || tt.id != "" && tt.id != r.ID {
				t.Errorf("stored %s %s %+v", a.Event.Type(), r.ID, a.Facts)
			}
			if a.Raw == nil && !bytes.Equal(a.Event.Data(), body) || a.Raw != nil && !bytes.Equal(a.Raw, body) || a.Event.DataContentType() != "application/json" || a.Event.Time().IsZero() {
				t.Errorf("stored event is %s", a.Event)
			}
			again := d.signed(t, tt.source, body)
			if again.Duplicate != (tt.id != "") {
				t.Errorf("second delivery is a duplicate: %t", again.Duplicate)
			}
		})
	}
}

func TestFailedAndSuccessfulReportsOfOneSyncAreTwoEvents(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	for _, file := range []string{"fivetran-failed.json", "fivetran-successful.json"} {
		if r := d.signed(t, "fivetran", fixture(t, file)); r.Duplicate || r.status != http.StatusAccepted {
			t.Errorf("%s: %s", file, r.raw)
		}
	}
	if r := d.signed(t, "fivetran", fixture(t, "fivetran-successful.json")); !r.Duplicate {
		t.Errorf("a delivery sent again is new: %s", r.raw)
	}
}

func TestTenantsAreNamedWhenThereAreSeveral(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	if r := d.signed(t, "fivetran", fixture(t, "fivetran-successful.json")); !reflect.DeepEqual(r.Tenants, []string{"acme", "umbra"}) {
		t.Errorf("answered %s", r.raw)
	}
	if r := d.signed(t, "dbt", fixture(t, "dbt-completed.json")); r.Tenants != nil {
		t.Errorf("answered %s", r.raw)
	}
	want := [][]events.Target{
		{{Tenant: "acme", Rules: []string{"refresh"}}, {Tenant: "umbra", Rules: []string{"publish"}}},
		{{Tenant: "acme", Rules: []string{"refresh"}}},
	}
	if !reflect.DeepEqual(d.shelf.targets, want) {
		t.Errorf("targets are %v, want %v", d.shelf.targets, want)
	}
}
