package rules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func asJSON(tb testing.TB, value any) string {
	tb.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestWhenDecidesWhichEventsMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ when, want string }{
		{`outcome == "succeeded" && job.startsWith("sales")`, "match"},
		{`type == "com.getdbt.job.run.completed" && source == "dbt" && subject == "123" && id == "wev_1"`, "match"},
		{`gatewaysource == "dbt" && job_id == "123" && run_id == "12345"`, "match"},
		{`data.runs == 10 && data.ratio < 1 && data.big == 4000 && data.runs > 9.5`, "match"},
		{`data.tables.sales.rows >= 4 && "sales" in data.tables && 3 in data.list`, "match"},
		{`traceparent.startsWith("00-") && extensions.unusual == "yes"`, "match"},
		{`day(time) == "2026-11-03" && day(time, "Asia/Tokyo") == "2026-11-04"`, "match"},
		{`time > timestamp("2026-11-01T00:00:00Z") && time.getHours() == 23`, "match"},
		{`has(data.runs) && !has(data.nothing)`, "match"},
		{`data.?nothing.orValue("x") == "x"`, "match"},
		{`job.split(" ")[0].upperAscii() == "SALES" && math.greatest(1, 2) == 2`, "match"},
		{`data.partial`, "match"},
		{`type(data.runs) == int`, "match"},
		{`job == "other"`, ""},
		{`data.nothing == 1`, "missing: the event has no nothing"},
		{`data.nothing.deeper == 1`, "missing: the event has no nothing"},
		{`data.none.deeper == 1`, "missing: the event has no deeper"},
		{`extensions.foo == "x"`, "missing: the event has no foo"},
		{`tenantid == "x"`, "missing: the event has no tenantid"},
		{`data.list[7] == 1`, "missing: the event has no such item: index out of bounds: 7"},
		{`data.nothing == 1 || true`, "match"},
		{`data.runs`, "error: when gave the number 10, expected true or false"},
		{`data.app > 1`, "error: a value has a type that this operation does not take"},
		{`data.runs / 0 == 1`, "error: division by zero"},
		{`day(time, job) == ""`, "error: day: sales daily is not a time zone such as Europe/Berlin"},
		{
			`lists.range(1000).all(x, lists.range(1000).all(y, lists.range(1000).all(z, x + y + z >= 0)))`,
			"error: too much work for this event: the expression was stopped",
		},
	} {
		t.Run(test.when, func(t *testing.T) {
			t.Parallel()
			set := compiled(t, asJSON(t, []map[string]any{{"name": "r", "on": "dbt", "app": "sales", "when": test.when, "do": []string{"reload"}}}), testNames())
			if got := outcome(set.Route(dbtEvent())); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func outcome(routing Routing) string {
	var words []string
	for range routing.Matches {
		words = append(words, "match")
	}
	for _, note := range routing.Missing {
		words = append(words, "missing: "+note.Text)
	}
	for _, note := range routing.Errors {
		words = append(words, "error: "+note.Text)
	}
	return strings.Join(words, "; ")
}

func TestWithoutWhenAFailedEventDoesNotMatch(t *testing.T) {
	t.Parallel()
	set := compiled(t, `[{name: r, on: dbt, app: sales, do: [reload]}]`, testNames())
	for outcome, matches := range map[string]int{OutcomeSucceeded: 1, "": 1, OutcomeFailed: 0, OutcomeOther: 0} {
		event := dbtEvent()
		event.Facts.Outcome = outcome
		if got := len(set.Route(event).Matches); got != matches {
			t.Errorf("outcome %q matches %d rules, want %d", outcome, got, matches)
		}
	}
}

func TestRulesLookOnlyAtTheirSources(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Tenants = []string{"acme", "beta"}
	set := compiled(t, `
- {name: a, tenant: acme, on: dbt, app: sales, do: [reload]}
- {name: b, tenant: beta, on: [fivetran, dbt, dbt], app: sales, do: [reload]}
- {name: c, tenant: acme, on: etl, app: sales, do: [reload]}`, names)
	for source, want := range map[string]string{
		"dbt": "[{acme a} {beta b}]", "fivetran": "[{beta b}]", "etl": "[{acme c}]", "unknown": "[]",
	} {
		event := dbtEvent()
		event.GatewaySource = source
		if got := fmt.Sprint(set.Route(event).Matches); got != want {
			t.Errorf("source %s matches %s, want %s", source, got, want)
		}
	}
}

func TestEventWithoutBodyOrTimeHasNoneOfTheirKeys(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"data.app == 'x'", "time > timestamp('2026-01-01T00:00:00Z')"} {
		set := compiled(t, asJSON(t, []map[string]any{{"name": "r", "on": "dbt", "app": "sales", "when": when, "do": []string{"reload"}}}), testNames())
		if routing := set.Route(Event{GatewaySource: "dbt"}); len(routing.Missing) != 1 {
			t.Errorf("%s: %+v", when, routing)
		}
	}
}

func TestASetServesManyAtOnce(t *testing.T) {
	t.Parallel()
	set := compiled(t, benchmarkRules, testNames())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				event := dbtEvent()
				for _, match := range set.Route(event).Matches {
					if _, err := set.Plan(match.Rule, event); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}

const benchmarkRules = `
- name: refresh-sales
  on: dbt
  when: outcome == "succeeded" && job.startsWith("sales")
  app: sales
  gather: {quiet: 30s, max: 5m}
  do: [{reload: {variables: {BATCH: "${run_id}"}}}, publish]
- {name: other-job, on: dbt, when: 'job == "other"', app: sales, do: [reload]}
- {name: by-data, on: dbt, when: 'data.runs == 11', app: sales, do: [reload]}
- {name: etl, on: etl, app: sales, do: [reload]}`

func BenchmarkRoute(b *testing.B) {
	set := compiled(b, benchmarkRules, testNames())
	event := dbtEvent()
	b.ReportAllocs()
	for b.Loop() {
		if len(set.Route(event).Matches) != 1 {
			b.Fatal("no match")
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	set := compiled(b, benchmarkRules, testNames())
	event := dbtEvent()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Plan("refresh-sales", event); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	set := compiled(b, `[{name: r, on: dbt, do: [{copy: {app: sales}}, {reload: {app: "${steps.copy.app_id}"}}]}]`, testNames())
	plan, err := set.Plan("r", dbtEvent())
	if err != nil {
		b.Fatal(err)
	}
	results := map[string]map[string]any{"copy": {"app_id": copyID}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Resolve(plan.Steps[1], dbtEvent(), results); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRulesOnShelvesMatchAsIfEachWereAsked puts events of all kinds to rules that the set
// keeps by the text that they demand, and to each of these rules by itself.
func TestRulesOnShelvesMatchAsIfEachWereAsked(t *testing.T) {
	t.Parallel()
	whens := []string{
		`data.big == 1 && data.app == "%d"`, `"%d" == data.app`, `type == "t" && data["app"] == "%d" && data.deep.er == "x"`, `data.app == "%d" || data.app == "0"`,
		`!(data.app == "%d")`, `data.deep.er == "%d"`, `subject == "%d" && outcome != "failed"`, `extensions.unusual == "%d"`, `data.app in ["%d", "1"]`,
		`data.app == "%d" ? true : data.none`, `has(data.app) && data.app == "%d" && 1 / data.zero == 1`, `data.app == "%d" && data.app == "1"`,
	}
	var definitions []string
	for i := range 12 * len(whens) {
		when := fmt.Sprintf(whens[i%len(whens)], i/len(whens))
		definitions = append(definitions, fmt.Sprintf("- {name: rule-%d, on: etl, when: '%s', app: sales, do: [reload]}", i, when))
	}
	set := compiled(t, strings.Join(definitions, "\n"), testNames())
	if shelves := len(set.bySource["etl"].shelves); shelves < 3 {
		t.Fatalf("only %d shelves", shelves)
	}
	each := make([]*Set, len(definitions))
	for i, definition := range definitions {
		each[i] = compiled(t, definition, testNames())
	}
	values := []string{`"0"`, `"1"`, `"11"`, `"12"`, `""`, `1`, `null`, `["1"]`, `{"er": "1"}`, `true`}
	matched, missing, wrong := 0, 0, 0
	for _, app := range append(values, "-") {
		for _, deep := range values {
			body := fmt.Sprintf(`{"app": %s, "deep": %s, "big": 1, "zero": 0}`, app, deep)
			if app == "-" {
				body = fmt.Sprintf(`{"deep": {"er": %s}}`, deep)
			}
			ev := Event{ID: "e", Type: "t", Subject: strings.Trim(deep, `"`), GatewaySource: "etl", Extensions: map[string]string{"unusual": "3"}, Data: DecodeData("application/json", []byte(body))}
			var want Routing
			for _, one := range each {
				routing := one.Route(ev)
				want.Matches, want.Missing, want.Errors = append(want.Matches, routing.Matches...), append(want.Missing, routing.Missing...), append(want.Errors, routing.Errors...)
			}
			if got := set.Route(ev); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", body, got, want)
			}
			matched, missing, wrong = matched+len(want.Matches), missing+len(want.Missing), wrong+len(want.Errors)
		}
	}
	if matched < 500 || missing < 500 || wrong < 100 {
		t.Errorf("the events matched %d times, lacked something %d times and failed %d times", matched, missing, wrong)
	}
}

// BenchmarkRouteOfMany routes an event that one of many rules matches, each for an app of
// its own.
func BenchmarkRouteOfMany(b *testing.B) {
	for _, rules := range []int{4, 20, 1000} {
		b.Run(strconv.Itoa(rules), func(b *testing.B) {
			var definitions []string
			for i := range rules {
				definitions = append(definitions, fmt.Sprintf("- {name: app-%d, on: etl, when: 'data.app == \"%d\"', app: sales, do: [reload]}", i, i))
			}
			set := compiled(b, strings.Join(definitions, "\n"), testNames())
			event := Event{ID: "e", Type: "t", GatewaySource: "etl", Data: DecodeData("application/json", []byte(`{"app": "3"}`))}
			b.ReportAllocs()
			for b.Loop() {
				if len(set.Route(event).Matches) != 1 {
					b.Fatal("no match")
				}
			}
		})
	}
}
