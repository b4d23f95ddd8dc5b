package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestPlanIsCompleteWithoutTheConfiguration(t *testing.T) {
	t.Parallel()
	set := compiled(t, `
- name: refresh-sales
  on: dbt
  app: sales
  gather: {quiet: 30s, max: 5m}
  priority: high
  retry: {attempts: 3, base: 2s, cap: 1m, on: [FAILED, EXCEEDED_LIMIT], wait: 5m}
  deadline: 4h
  do:
    - reload: {partial: "${data.partial}", weight: "${data.runs}", variables: {BATCH: "${run_id}", N: 5, F: "${data.big}", L: "$${x} ${job}!", W: "${time}"}}
    - publish
- name: defaults
  on: dbt
  do:
    - reload: {app: "${data.app}"}
- name: pipeline
  on: dbt
  app: sales
  gather: none
  priority: low
  retry: {on: [FAILED]}
  do:
    - copy: {space: s1, name: "Sales ${day(time)}"}
    - reload: {app: "${steps.copy.app_id}", variables: {FROM: "${job} ${steps.copy.name}"}}
    - publish: {app: "${steps['copy'].app_id}", space: m1, target: finance}
- name: elsewhere
  on: dbt
  app: sales
  gather: {quiet: 1s, max: 2s, key: "time.getHours()"}
  do:
    - publish: {space: other, name: "${job}"}
    - publish: {app: 2F1C6E0A-0B1C-4D2E-8F3A-4B5C6D7E8F90, name: Again}
      as: again`, testNames())
	var plans []Plan
	for _, name := range []string{"refresh-sales", "defaults", "pipeline", "elsewhere"} {
		plan, err := set.Plan(name, dbtEvent())
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(asJSON(t, plans)), "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "plans.json", pretty.String()+"\n")
}

func TestPlanOfARemovedRuleSaysSo(t *testing.T) {
	t.Parallel()
	set := compiled(t, `[]`, testNames())
	if _, err := set.Plan("gone", dbtEvent()); !errors.Is(err, ErrNoRule) {
		t.Errorf("got %v", err)
	}
}

func TestArgumentThatTheEventCannotGiveIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ do, want string }{
		{`[{reload: {app: "${data.nothing}"}}]`, "plan r: step reload: app: ${data.nothing}: the event has no nothing"},
		{`[{reload: {app: "${job}"}}]`, `plan r: step reload: app: unknown app "sales daily"; known: finance, sales, or an app's id`},
		{`[{reload: {app: "${data.list}"}}]`, "plan r: step reload: app: expected text, got a list"},
		{`[{reload: {app: sales, weight: "${data.runs + 1}"}}]`, "plan r: step reload: weight: 11 is not a weight; expected 1 to 10"},
		{`[{reload: {app: sales, weight: "${data.ratio}"}}]`, "plan r: step reload: weight: expected a whole number, got the number 0.25"},
		{`[{reload: {app: sales, partial: "${data.runs}"}}]`, "plan r: step reload: partial: expected true or false, got the number 10"},
		{`[{reload: {app: sales, variables: {A: "${data.none}"}}}]`, "plan r: step reload: variables.A: expected text, got nothing"},
		{`[{reload: {app: sales, variables: {A: "x ${data.tables}"}}}]`, "plan r: step reload: variables.A: ${data.tables}: expected text, got an object"},
		{`[{reload: {app: sales, variables: {A: "${lists.range(300).map(i, 'x').join()}"}}}]`, "plan r: step reload: variables.A: longer than 256 characters"},
		{`[{publish: {app: "${data.app}"}}]`, "plan r: step publish: space is missing"},
		{`[{copy: {app: sales, space: "${data.?space.orValue('')}"}}]`, "plan r: step copy: space: is empty"},
	} {
		t.Run(test.do, func(t *testing.T) {
			t.Parallel()
			set := compiled(t, `[{name: r, on: dbt, do: `+test.do+`}]`, testNames())
			if _, err := set.Plan("r", dbtEvent()); err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestGatherKeyTellsAppsApart(t *testing.T) {
	t.Parallel()
	set := compiled(t, `[{name: r, on: dbt, app: "${data.app}", gather: {key: day(time)}, do: [reload]}]`, testNames())
	sales, finance := dbtEvent(), dbtEvent()
	sales.Data = map[string]any{"app": "sales"}
	keys := map[string]bool{}
	for _, event := range []Event{sales, finance, sales} {
		plan, err := set.Plan("r", event)
		if err != nil {
			t.Fatal(err)
		}
		keys[plan.Key] = true
	}
	if len(keys) != 2 || !keys["r "+salesID+" 2026-11-03"] {
		t.Errorf("keys %v", keys)
	}
}

func TestPlanIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	set := compiled(t, `[{name: r, on: dbt, app: sales, do: [{reload: {variables: {A: x}}}, {reload: {variables: {B: "${steps.reload.status}"}}, as: again}]}]`, testNames())
	first, err := set.Plan("r", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	want := asJSON(t, first)
	first.Steps[0].Args.Variables["A"] = "changed"
	first.Steps[1].Late["variables.B"] = "changed"
	first.Steps[1].Name = "changed"
	second, err := set.Plan("r", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	if got := asJSON(t, second); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSourceMayOnlyDoWhatItIsAllowed(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Allow = map[string]Allow{"fivetran": {Apps: []string{"sales"}}}
	set := compiled(t, `
- {name: r, on: [dbt, fivetran], app: "${data.app}", do: [reload]}
- {name: t, on: fivetran, app: sales, do: [{publish: {target: "${data.target}"}}]}`, names)
	for _, test := range []struct{ rule, source, app, target, want string }{
		{"r", "dbt", "finance", "", ""},
		{"r", "fivetran", "sales", "", ""},
		{"r", "fivetran", "finance", "", "source fivetran may not reload app " + financeID},
		{"t", "fivetran", "", targetID, ""},
		{"t", "fivetran", "", "sales", ""},
		{"t", "fivetran", "", "finance", "source fivetran may not replace app " + financeID},
	} {
		event := dbtEvent()
		event.GatewaySource = test.source
		event.Data = map[string]any{"app": test.app, "target": test.target}
		_, err := set.Plan(test.rule, event)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), test.want)) {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

func TestResolveFillsInWhatEarlierStepsGave(t *testing.T) {
	t.Parallel()
	set := compiled(t, `
- name: r
  on: dbt
  do:
    - copy: {app: sales}
    - reload: {app: "${steps.copy.app_id}", partial: "${steps.copy.name == 'x'}", variables: {A: a, B: "${job} of ${steps.copy.name}"}}`, testNames())
	plan, err := set.Plan("r", dbtEvent())
	if err != nil {
		t.Fatal(err)
	}
	before := asJSON(t, plan)
	step, err := Resolve(plan.Steps[1], dbtEvent(), map[string]map[string]any{"copy": {"app_id": copyID, "name": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"reload","action":"reload","args":{"app":"` + copyID + `","partial":true,"variables":{"A":"a","B":"sales daily of x"}}}`
	if got := asJSON(t, step); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if asJSON(t, plan) != before {
		t.Error("the plan changed")
	}
	for _, results := range []map[string]map[string]any{nil, {}, {"copy": {}}, {"copy": {"app_id": ""}}} {
		if _, err := Resolve(plan.Steps[1], dbtEvent(), results); err == nil {
			t.Errorf("results %v resolve", results)
		}
	}
}

func TestEveryArgumentOfTheTableCanBeSet(t *testing.T) {
	t.Parallel()
	samples := map[string]any{"app": salesID, "target": targetID, "partial": true, "weight": int64(3), "variables": "x"}
	for _, signature := range Signatures() {
		for _, name := range signature.Takes {
			value, ok := samples[name]
			if !ok {
				value = "text"
			}
			if name == "variables" || name == "data" {
				name += ".X"
			}
			var args Args
			if err := args.set(name, value); err != nil || asJSON(t, args) == "{}" {
				t.Errorf("%s %s: %v, %s", signature.Action, name, err, asJSON(t, args))
			}
		}
	}
}
