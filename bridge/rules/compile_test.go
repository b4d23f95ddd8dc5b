package rules

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs; -update writes it anew. Got:\n%s\nwant:\n%s", path, text, want)
	}
}

func TestEveryMistakeIsReportedAtOnceWithItsPath(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "mistakes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	names := testNames()
	names.Apps["broken"] = App{ID: "not-a-guid", Publish: PublishTo{Target: "nowhere"}}
	names.Apps["twin"] = App{ID: strings.ToUpper(salesID)}
	names.Allow = map[string]Allow{"etl": {Apps: []string{"finance", "sals"}, Actions: []Action{Reload, "relaod"}}}
	set, problems := Compile(definitions(t, string(text)), names)
	if set != nil {
		t.Error("a set came out of mistakes")
	}
	var lines strings.Builder
	for _, problem := range problems {
		if problem.Warning {
			lines.WriteString("warning: ")
		}
		lines.WriteString(problem.String() + "\n")
	}
	golden(t, "mistakes.txt", lines.String())
}

func TestWarningsDoNotStopARule(t *testing.T) {
	t.Parallel()
	set, problems := Compile(definitions(t, `[{name: a, on: dbt, app: sales, gather: {quiet: 30s}, do: [reload]}]`), testNames())
	if set == nil || len(problems) != 1 || !problems[0].Warning {
		t.Errorf("set %v, problems %v", set, problems)
	}
}

func TestTenantIsNeededWhenThereAreSeveral(t *testing.T) {
	t.Parallel()
	names := testNames()
	names.Tenants = []string{"acme", "beta"}
	_, problems := Compile(definitions(t, `
- {name: a, on: dbt, app: sales, do: [reload]}
- {name: b, on: dbt, app: sales, do: [reload], tenant: beat}
- {name: c, on: dbt, app: sales, do: [reload], tenant: beta}`), names)
	var lines []string
	for _, problem := range problems {
		lines = append(lines, problem.String())
	}
	want := "rules[0]: tenant is missing; there are several: acme, beta\n" +
		`rules[1].tenant: unknown tenant "beat" (did you mean "beta"?); known: acme, beta`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhereQlikPicksTheTargetThereIsOnlyOne(t *testing.T) {
	t.Parallel()
	defs := definitions(t, `
- {name: a, on: dbt, app: sales, do: [publish]}
- {name: b, on: dbt, app: sales, do: [{publish: {target: finance}}]}
- {name: c, on: dbt, app: sales, do: [{publish: {target: finance, space: other}}]}`)
	names := testNames()
	if _, problems := Compile(defs, names); len(problems) != 0 {
		t.Errorf("where targets can be told: %v", problems)
	}
	names.OneTarget = []string{"acme"}
	_, problems := Compile(defs, names)
	want := "rules[1].do[0]: replaces app " + financeID + "; in dialect openapi an app has one published app in a space, and here that is " + targetID
	if len(problems) != 1 || problems[0].String() != want {
		t.Errorf("got %v, want %s", problems, want)
	}
}

func TestNearestFindsWhatWasMeant(t *testing.T) {
	t.Parallel()
	known := []string{"outcome", "job", "job_id", "startsWith", "secret"}
	for word, want := range map[string]string{
		"outcom": "outcome", "otucome": "outcome", "startswith": "startsWith", "secrt": "secret",
		"jobid": "job_id", "zzz": "", "": "", "outcome": "", "x": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDefinitionsSurviveJSON(t *testing.T) {
	t.Parallel()
	const text = `
- name: a
  on: [dbt, etl]
  gather: none
  do: [publish, {reload: {partial: true, weight: 3}, as: again}]
- name: b
  on: dbt
  gather: {quiet: 1s, max: 2s}
  do: [reload]`
	first := definitions(t, text)
	golden(t, "definitions.json", asJSON(t, first)+"\n")
	again := definitions(t, asJSON(t, first))
	if asJSON(t, first) != asJSON(t, again) {
		t.Errorf("changed to %s", asJSON(t, again))
	}
}
