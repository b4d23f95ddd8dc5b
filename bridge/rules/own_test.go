package rules

import (
	"strings"
	"testing"
)

// onOwn writes a rule that listens to the gateway's own outcomes.
func onOwn(name, when string) string {
	return "\n- {name: " + name + ", on: gateway, when: '" + when + "', app: sales, do: [reload]}"
}

func TestLoopsAreRefusedWhereTheyCanBeSeen(t *testing.T) {
	t.Parallel()
	const first = `
- {name: first, on: dbt, app: sales, do: [reload]}`
	succeeds := func(rule string) string { return `type.endsWith("run.succeeded") && rule == "` + rule + `"` }
	for name, test := range map[string]struct{ rules, problem string }{
		"a chain of three":                {first + onOwn("b", succeeds("first")) + onOwn("c", succeeds("b")), ""},
		"it begins itself":                {onOwn("b", succeeds("b")), "rules[0].on: run.succeeded of b begins b, without end"},
		"every success begins it":         {first + onOwn("b", `type == "io.qlikgateway.v1.run.succeeded"`), "rules[1].on: run.succeeded of b begins b, without end"},
		"every success but its own":       {first + onOwn("b", `outcome == "succeeded" && rule != "b"`), ""},
		"two begin each other":            {onOwn("b", succeeds("c")) + onOwn("c", succeeds("b")), "rules[0].on: run.succeeded of b begins c, run.succeeded of c begins b, without end"},
		"one on success, one on failure":  {onOwn("b", `type.endsWith("reload.failed") && rule == "c"`) + onOwn("c", succeeds("b")), "reload.failed of c begins b, without end"},
		"types that its steps never have": {onOwn("b", `type.startsWith("io.qlikgateway.v1.copy.")`), ""},
		"what happens to tenants":         {onOwn("b", `type == "io.qlikgateway.v1.breaker.closed"`), ""},
		"it depends on the data":          {onOwn("b", `type.endsWith("reload.succeeded") && data.app.id == "x"`), "warning: rules[0].on: reload.succeeded of b begins b, perhaps without end"},
		"a part of a join":                {"\n- {name: b, on: {all: {a: {source: dbt}, own: {source: gateway, when: '" + succeeds("b") + "'}}, within: 1h}, app: sales, do: [reload]}", "warning: rules[0].on: run.succeeded of b begins b, perhaps"},
		"no when":                         {"\n- {name: b, on: gateway, app: sales, do: [reload]}", "rules[0]: when is missing; without it every outcome"},
		"a rule of another source":        {"\n- {name: b, on: dbt, when: 'rule == \"x\"', app: sales, do: [reload]}", "rules[0].when: tenant and rule are what the gateway's own outcomes say"},
		"an argument of another source":   {"\n- {name: b, on: dbt, app: sales, do: [{reload: {variables: {A: '${tenant}'}}}]}", "tenant and rule are what the gateway's own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Compile(definitions(t, test.rules), testNames())
			var all []string
			for _, p := range problems {
				text := p.String()
				if p.Warning {
					text = "warning: " + text
				}
				all = append(all, text)
			}
			if text := strings.Join(all, "\n"); test.problem == "" && text != "" || !strings.Contains(text, test.problem) {
				t.Errorf("got %q, want %q", text, test.problem)
			}
		})
	}
}

func TestRuleReadsWhatAnOutcomeSays(t *testing.T) {
	t.Parallel()
	set := compiled(t, `
- {name: then, on: gateway, when: 'outcome == "succeeded" && rule == "refresh" && tenant == "acme"', app: sales, do: [{reload: {variables: {AFTER: "${rule} ${data.run}"}}}]}`, testNames())
	outcome := Event{
		ID: "r1", Type: TypePrefix + "run.succeeded", GatewaySource: OwnSource, Facts: Facts{Outcome: OutcomeSucceeded},
		Extensions: map[string]string{"rule": "refresh", "tenant": "acme"}, Data: map[string]any{"run": "r1"},
	}
	plan, err := set.Plan("then", outcome)
	if matches := set.Route(outcome).Matches; len(matches) != 1 || err != nil || plan.Steps[0].Args.Variables["AFTER"] != "refresh r1" {
		t.Errorf("%v, %+v, %v", matches, plan.Steps, err)
	}
	outcome.Extensions["rule"] = "other"
	if matches := set.Route(outcome).Matches; len(matches) != 0 {
		t.Errorf("an outcome of another rule matches %v", matches)
	}
}
