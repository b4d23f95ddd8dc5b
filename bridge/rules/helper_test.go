package rules

import (
	"encoding/json"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	salesID   = "2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90"
	targetID  = "9d0e6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90"
	financeID = "11111111-2222-3333-4444-555555555555"
	copyID    = "aaaaaaaa-2222-3333-4444-555555555555"
)

func testNames() Names {
	return Names{
		Tenants: []string{"acme"},
		Sources: []string{"dbt", "fivetran", "etl"},
		Apps: map[string]App{
			"sales":   {ID: salesID, Publish: PublishTo{Space: "64b1", Target: targetID}},
			"finance": {ID: financeID},
		},
	}
}

// definitions reads a YAML list of rules.
func definitions(tb testing.TB, text string) []Definition {
	tb.Helper()
	var document any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		tb.Fatal(err)
	}
	encoded, err := json.Marshal(document)
	if err != nil {
		tb.Fatal(err)
	}
	var defs []Definition
	if err := json.Unmarshal(encoded, &defs); err != nil {
		tb.Fatal(err)
	}
	return defs
}

// compiled returns the set of rules that a test expects to be faultless.
func compiled(tb testing.TB, text string, names Names) *Set {
	tb.Helper()
	set, problems := Compile(definitions(tb, text), names)
	for _, problem := range problems {
		if !problem.Warning {
			tb.Fatal(problem)
		}
	}
	return set
}

// dbtEvent is what ingress makes of dbt's run completed.
func dbtEvent() Event {
	return Event{
		ID: "wev_1", Source: "dbt", Type: "com.getdbt.job.run.completed", Subject: "123",
		Time: time.Date(2026, 11, 3, 23, 30, 0, 0, time.UTC), GatewaySource: "dbt",
		Extensions: map[string]string{"traceparent": "00-4bf9-00f0-01", "unusual": "yes"},
		Facts:      Facts{Outcome: OutcomeSucceeded, Job: "sales daily", JobID: "123", RunID: "12345"},
		Data: DecodeData("application/json", []byte(`{"app": "finance", "runs": 10, "ratio": 0.25, "partial": true, "none": null,
			"list": [1, 2, 3], "tables": {"sales": {"rows": 4}}, "big": 4.0e3}`)),
	}
}
