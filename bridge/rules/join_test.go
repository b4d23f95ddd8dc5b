package rules

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

const afterBoth = `
- name: after-both
  on: {all: {dbt: {source: dbt, when: 'outcome == "succeeded"'}, crm: {source: fivetran}}, key: day(time), within: 2h}
  app: sales
  do:
    - reload: {variables: {RUN: "${events.dbt.run_id}", CRM: "${has(events.crm) ? events.crm.id : 'none'}"}}
    - copy: {name: "copy of ${steps.reload.reload_id} for ${events.dbt.data.app}"}
    - publish: {app: "${steps.copy.app_id}", space: s1}
`

func crmEvent() Event {
	return Event{ID: "ft_1", Type: "sync_end", Time: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC), GatewaySource: "fivetran"}
}

func TestEventIsAPartOfAJoin(t *testing.T) {
	t.Parallel()
	set := compiled(t, afterBoth, testNames())
	failed := dbtEvent()
	failed.Facts.Outcome = OutcomeFailed
	for name, test := range map[string]struct {
		event Event
		is    []string
	}{"dbt": {dbtEvent(), []string{"dbt"}}, "crm": {crmEvent(), []string{"crm"}}, "a failed dbt": {failed, nil}} {
		matches := set.Route(test.event).Matches
		if (len(matches) > 0) != (test.is != nil) {
			t.Errorf("%s: matches %v", name, matches)
			continue
		}
		plan, err := set.Plan("after-both", test.event)
		if test.is == nil {
			if err == nil {
				t.Errorf("%s: planned", name)
			}
			continue
		}
		want := &Join{Parts: []string{"crm", "dbt"}, Need: 2, Within: 2 * time.Hour, Is: test.is}
		if err != nil || !reflect.DeepEqual(plan.Join, want) {
			t.Errorf("%s: join %+v, %v; want %+v", name, plan.Join, err, want)
		}
	}
}

func TestPartsOfAJoinShareItsKey(t *testing.T) {
	t.Parallel()
	set := compiled(t, afterBoth, testNames())
	dbt, err := set.Plan("after-both", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	crm, err := set.Plan("after-both", crmEvent())
	if err != nil || crm.Key != dbt.Key {
		t.Errorf("keys %q and %q, %v", crm.Key, dbt.Key, err)
	}
	tomorrow := crmEvent()
	tomorrow.Time = tomorrow.Time.Add(24 * time.Hour)
	if other, err := set.Plan("after-both", tomorrow); err != nil || other.Key == dbt.Key {
		t.Errorf("key %q of another day, %v", other.Key, err)
	}
}

func TestStepsOfAJoinReadEachPart(t *testing.T) {
	t.Parallel()
	plan, err := compiled(t, afterBoth, testNames()).Plan("after-both", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]Event{"dbt": dbtEvent(), "crm": crmEvent()}
	steps, err := ResolveParts(plan.Steps, events, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := steps[0].Args.Variables; steps[0].Late != nil || got["RUN"] != "12345" || got["CRM"] != "ft_1" {
		t.Errorf("first step: %+v", steps[0])
	}
	if steps[1].Late["name"] == "" || steps[2].Late["app"] == "" {
		t.Errorf("later steps do not wait: %+v", steps[1:])
	}
	results := map[string]map[string]any{"reload": {"reload_id": "r9"}}
	if steps, err = ResolveParts(steps[1:], events, results); err != nil || steps[0].Args.Name != "copy of r9 for finance" || steps[1].Late["app"] == "" {
		t.Errorf("second step: %+v, %v", steps, err)
	}
	if plan.Steps[0].Late == nil {
		t.Error("the plan itself was changed")
	}
}

func TestPartThatDidNotComeIsMissing(t *testing.T) {
	t.Parallel()
	set := compiled(t, afterBoth, testNames())
	plan, err := set.Plan("after-both", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ResolveParts(plan.Steps, map[string]Event{"dbt": dbtEvent()}, nil)
	if err != nil || steps[0].Args.Variables["CRM"] != "none" {
		t.Errorf("%+v, %v", steps, err)
	}
	if _, err = ResolveParts(plan.Steps, map[string]Event{"crm": crmEvent()}, nil); err == nil || !strings.Contains(err.Error(), "no dbt") {
		t.Errorf("error %v, want one that names dbt", err)
	}
}

func TestCheckRefusesAJoin(t *testing.T) {
	t.Parallel()
	for mistake, rule := range map[string]string{
		"on.all: 1 parts; a join has at least two":                     `{on: {all: {dbt: {source: dbt}}, within: 2h}, do: [reload]}`,
		"on.all: 0 parts; a join has at least two":                     `{on: {all: {}, within: 2h}, do: [{reload: {variables: {X: "${run_id}"}}}]}`,
		"within is missing":                                            `{on: {all: {a: {source: dbt}, b: {source: etl}}}, do: [reload]}`,
		`on.all.a.source: unknown source "dbx"`:                        `{on: {all: {a: {source: dbx}, b: {source: etl}}, within: 2h}, do: [reload]}`,
		`on.all.A: "A" is not a name of a part`:                        `{on: {all: {A: {source: dbt}, b: {source: etl}}, within: 2h}, do: [reload]}`,
		"on.any_of: 3 of 2 parts":                                      `{on: {all: {a: {source: dbt}, b: {source: etl}}, any_of: 3, within: 2h}, do: [reload]}`,
		`on.on_timeout: unknown end of a wait "wait"`:                  `{on: {all: {a: {source: dbt}, b: {source: etl}}, on_timeout: wait, within: 2h}, do: [reload]}`,
		"on.within: is as long as the rule's deadline of 10h":          `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 12h}, do: [reload]}`,
		"when: a join's parts each have a when of their own":           `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h}, when: "true", do: [reload]}`,
		"gather: a join gathers by itself":                             `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h}, gather: {quiet: 5s, max: 1m}, do: [reload]}`,
		"say of which part, as in events.a.data":                       `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h}, do: [{reload: {variables: {X: "${data.x}"}}}]}`,
		"events.other is no part of this join; parts: a, b":            `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h}, do: [{reload: {variables: {X: "${events.other.id}"}}}]}`,
		`unknown attribute of events.a "dat" (did you mean "data"?)`:   `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h}, do: [{reload: {variables: {X: "${events.a.dat.x}"}}}]}`,
		"on.key: reads events, but looks at one event at a time":       `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h, key: events.a.id}, do: [reload]}`,
		"events must be followed by a part of the join":                `{on: {all: {a: {source: dbt}, b: {source: etl}}, within: 2h}, do: [{reload: {variables: {X: "${size(events)}"}}}]}`,
		"reads events, which only a join has":                          `{on: dbt, do: [{reload: {variables: {X: "${events.a.id}"}}}]}`,
		"do[0].reload.app: reads the join's events, and one of their ": `{on: {all: {a: {source: dbt}, b: {source: narrow}}, within: 2h}, do: [{reload: {app: "${events.a.data.app}"}}]}`,
	} {
		names := testNames()
		names.Sources = append(names.Sources, "narrow")
		names.Allow = map[string]Allow{"narrow": {Apps: []string{"sales"}}}
		rule = "- " + strings.Replace(rule, "{on:", "{name: r, app: sales, on:", 1)
		_, problems := Compile(definitions(t, rule), names)
		var texts []string
		for _, problem := range problems {
			texts = append(texts, problem.String())
		}
		if all := strings.Join(texts, "\n"); !strings.Contains(all, mistake) {
			t.Errorf("%s\n got %s\nwant %s", rule, all, mistake)
		}
	}
}

func TestJoinIsWrittenAsItWasRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`["dbt"]`, `{"all":{"a":{"source":"dbt"},"b":{"source":"etl","when":"true"}},"any_of":2,"key":"day(time)","within":"2h","on_timeout":"go"}`} {
		var on On
		if err := json.Unmarshal([]byte(text), &on); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(on); err != nil || string(again) != text {
			t.Errorf("%s became %s, %v", text, again, err)
		}
	}
}

func TestExplainSaysWhichPartAnEventIs(t *testing.T) {
	t.Parallel()
	set := compiled(t, afterBoth, testNames())
	if e := set.Explain(dbtEvent())[0]; !e.Matches || !reflect.DeepEqual(e.Parts, []string{"dbt"}) || !reflect.DeepEqual(e.On, []string{"dbt", "fivetran"}) {
		t.Errorf("%+v", e)
	}
	failed := dbtEvent()
	failed.Facts.Outcome = OutcomeFailed
	if e := set.Explain(failed)[0]; e.Matches || !strings.Contains(e.Why, "none of the parts of its source: dbt") {
		t.Errorf("%+v", e)
	}
}
