package rules

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func sales() Data {
	return Data{
		Tables: map[string]Table{"Sales": {Rows: 1200, Fields: 3, Bytes: 9000}, "Empty": {}},
		Fields: []string{"Amount", "Day"}, ReloadTime: 90 * time.Second, PeakMemory: 1 << 20,
	}
}

func TestAssertionHoldsAppsDataToWhatItSays(t *testing.T) {
	t.Parallel()
	for assertion, want := range map[string]string{
		`rows("Sales") > 0`:                                      "",
		`rows("Sales") == 1200 && "Amount" in fields`:            "",
		`tables["Sales"].fields == 3 && tables.Sales.bytes > 10`: "",
		`reload_time < duration("2m") && peak_memory < 2000000`:  "",
		`tables.all(name, rows(name) >= 0)`:                      "",
		`rows("Sales") > 5000`:                                   `assertion rows("Sales") > 5000 is false; rows: Empty 0, Sales 1200`,
		`rows("Salse") > 0`:                                      `the app has no table Salse; rows: Empty 0, Sales 1200`,
		`[1][rows("Sales")] == 1`:                                "no such item",
	} {
		err := Hold(assertion, sales())
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", assertion, err)
		case want != "" && (err == nil || !errors.Is(err, ErrUntrue) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %s", assertion, err, want)
		}
	}
	if err := Hold(`rows("Sales") > 0`, Data{}); err == nil || !strings.Contains(err.Error(), "it has no tables") {
		t.Errorf("an app without data: %v", err)
	}
}

func TestStepsOfOtherOccasionsComeAfterThoseInTurn(t *testing.T) {
	t.Parallel()
	set := compiled(t, `[{"name": "rehearse", "on": "dbt", "app": "sales",
		"do": [{"copy": {"name": "rehearsal"}}, {"reload": {"app": "${steps.copy.app_id}"}}, {"assert": "rows(\"Sales\") > 0"}],
		"on_failure": [{"emit": {"type": "com.example.stale", "subject": "${job}", "data": {"n": 7, "late": true, "job": "${job}"}}}],
		"always": [{"delete": {"app": "${steps.copy.app_id}"}}, {"move": {"space": "64b1"}}]}]`, testNames())
	plan, err := set.Plan("rehearse", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, step := range plan.Steps {
		got = append(got, string(step.Turn)+" "+step.Name)
	}
	if text := strings.Join(got, ","); text != " copy, reload, assert,on_failure emit,always delete,always move" {
		t.Errorf("steps %s", text)
	}
	if emit := plan.Steps[3].Args; asJSON(t, emit.Data) != `{"job":"sales daily","late":true,"n":7}` || emit.Subject != "sales daily" || emit.App != "" {
		t.Errorf("emit %s", asJSON(t, emit))
	}
	if gone := plan.Steps[4]; asJSON(t, gone.Needs) != `["copy"]` || gone.Args.App != "" {
		t.Errorf("delete %s", asJSON(t, gone))
	}
	if asJSON(t, plan.Apps()) != `["`+salesID+`"]` {
		t.Errorf("lanes %v", plan.Apps())
	}
}

func TestMistakesInNewActionsAreSaid(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]string{
		`[{"assert": "rows(Sales) > 0"}]`:                     `undeclared reference "Sales"`,
		`[{"assert": "rows(\"Sales\")"}]`:                     `this gives int`,
		`[{"assert": {"app": "sales"}}]`:                      `that is missing; give it here`,
		`[{"assert": "data.x > 0"}]`:                          `an assert knows rows`,
		`["delete"]`:                                          `app is missing; give it here`,
		`[{"move": {}}]`:                                      `space is missing; give it here`,
		`[{"emit": {"type": "com.qlik.v1.app.reloaded"}}]`:    `expected one of your own`,
		`[{"emit": {"type": "${job}"}}]`:                      `expected a type such as`,
		`[{"emit": {"data": {"x": [1]}, "type": "com.x.y"}}]`: `rules[0].do[0].emit.data.x: expected text, a number, true or false, got a list`,
		`["reload"], "always": [{"reload": {}}]`:              `an earlier step is already named reload`,
		`["reload"], "on_failure": ["reloda"]`:                `rules[0].on_failure[0]: unknown action "reloda"`,
	} {
		_, problems := Compile(definitions(t, `[{"name": "x", "on": "dbt", "app": "sales", "do": `+do+`}]`), testNames())
		var text []string
		for _, problem := range problems {
			text = append(text, problem.String())
		}
		if !strings.Contains(strings.Join(text, "\n"), want) {
			t.Errorf("%s: %q does not say %q", do, text, want)
		}
	}
}
