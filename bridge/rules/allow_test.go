package rules

import (
	"errors"
	"strings"
	"testing"
)

func TestSourceGetsNoMoreThanItsPriority(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Allow = map[string]Allow{"fivetran": {Priority: "low"}, "dbt": {Priority: "normal"}}
	set := compiled(t, "- {name: r, on: [dbt, fivetran, etl], app: sales, priority: high, do: [reload]}\n- {name: l, on: dbt, app: sales, priority: low, do: [reload]}", names)
	for _, tt := range []struct {
		rule, source string
		want         int
	}{{"r", "etl", priorityHigh}, {"r", "dbt", priorityNormal}, {"r", "fivetran", priorityLow}, {"l", "dbt", priorityLow}} {
		event := dbtEvent()
		event.GatewaySource = tt.source
		if plan, err := set.Plan(tt.rule, event); err != nil || plan.Priority != tt.want {
			t.Errorf("%+v: %d, %v", tt, plan.Priority, err)
		}
	}
}

func TestSourceMayOnlyPutAppsWhereItIsAllowed(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Allow = map[string]Allow{"dbt": {Spaces: []string{"s1"}}}
	set := compiled(t, `- {name: r, on: dbt, app: sales, do: [{publish: {space: "${data.space}"}}]}`, names)
	for space, want := range map[string]bool{"s1": true, "s2": false} {
		event := dbtEvent()
		event.Data = map[string]any{"space": space}
		_, err := set.Plan("r", event)
		if (err == nil) != want || !want && !errors.Is(err, ErrNotAllowed) {
			t.Errorf("space %s: %v", space, err)
		}
	}
	_, problems := Compile(definitions(t, `[{name: r, on: dbt, app: sales, do: [{copy: {space: s2}}]}]`), names)
	if len(problems) != 1 || !strings.Contains(problems[0].Text, "source dbt may not copy to space s2") {
		t.Errorf("problems: %v", problems)
	}
}

func TestSourceMayOnlyActAtItsTenants(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Tenants = []string{"acme", "umbra"}
	names.Allow = map[string]Allow{"dbt": {Tenants: []string{"acme"}}, "etl": {Tenants: []string{"acm"}, Priority: "urgent"}}
	_, problems := Compile(definitions(t, `[{name: r, tenant: umbra, on: dbt, app: sales, do: [reload]}]`), names)
	var all strings.Builder
	for _, p := range problems {
		all.WriteString(p.String() + "\n")
	}
	for _, want := range []string{
		"rules[0].on: source dbt may do nothing at tenant umbra", `sources.etl.allow.tenants[0]: unknown tenant "acm" (did you mean "acme"?)`,
		`sources.etl.allow.priority: unknown priority "urgent"`,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in:\n%s", want, all.String())
		}
	}
}

func TestDirectRunIsPlannedFromItsEvent(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Allow = map[string]Allow{"dbt": {Actions: []Action{Reload}, Apps: []string{"sales"}, Priority: "normal"}}
	set := compiled(t, "- {name: r, on: etl, app: sales, do: [reload]}", names)
	for data, want := range map[string]string{
		`{"do":[{"reload":{"app":"sales"}}],"priority":"high"}`:        "",
		`{"app":"sales","do":["reload"],"priority":"normal"}`:          "",
		`{"do":[{"reload":{"app":"finance"}}]}`:                        "source dbt may not reload app",
		`{"app":"sales","do":["publish"]}`:                             "source dbt may not publish",
		`{"do":["reload"]}`:                                            "app is missing",
		`{"do":["relaod"],"app":"sales"}`:                              `unknown action "relaod"`,
		`{"do":[]}`:                                                    "do",
		`{"tenant":"nowhere","app":"sales","do":["reload"]}`:           `unknown tenant "nowhere"`,
		`{"name":"r","app":"sales","do":["reload"]}`:                   "no name, on, when or gather",
		`{"app":"sales","do":[{"reload":{"app":"${data.what.not}"}}]}`: "what",
		`7`:    "direct run",
		`null`: "do",
	} {
		event := dbtEvent()
		event.GatewaySource = "dbt"
		event.Data = DecodeData("application/json", []byte(data))
		plan, err := set.Plan(DirectRule, event)
		if want == "" && (err != nil || plan.Rule != DirectRule || len(plan.Steps) != 1 || plan.Steps[0].Args.App != salesID || plan.Priority != priorityNormal) {
			t.Errorf("%s: %+v, %v", data, plan, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", data, err, want)
		}
	}
	if _, problems := Compile(definitions(t, `[{name: direct, on: dbt, app: sales, do: [reload]}]`), names); len(problems) == 0 {
		t.Error("a rule may be named direct")
	}
}
