package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// exitSurprise says that something is not as it was expected to be.
const exitSurprise = 3

// newTestCommand returns `gateway test`.
func newTestCommand() *cobra.Command {
	var config string
	var asJSON bool
	command := &cobra.Command{
		Use:   "test FILE...",
		Short: "Test rules: events, and what they are expected to ask for",
		Long: `Each FILE is YAML:

  config: gateway.yaml            # beside this file
  tests:
    - name: a good dbt run refreshes sales
      source: dbt                 # who would have sent it
      file: dbt-run.json          # or body: {...}
      headers: ["X-Some: value"]
      expect:                     # exactly these rules; of each its steps, with the arguments that matter
        refresh-sales: [{reload: {variables: {DBT_RUN: "77"}}}, publish]   # or {do: [...], on_failure: [...], always: [...]}

Nothing is sent or stored. Exit code 3 when a test surprises.`,
		Example: "  gateway test rules_test.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, files []string) error {
			failed := 0
			for _, file := range files {
				done, err := testRules(file, config)
				if err == nil && asJSON {
					err = printJSON(command.OutOrStdout(), done)
				} else if err == nil {
					err = done.print(command.OutOrStdout())
				}
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				failed += done.Failed
			}
			if failed > 0 {
				return exitCode(exitSurprise)
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each file")
	command.Flags().StringVarP(&config, "config", "c", "", "configuration file, instead of the one that each FILE names")
	return command
}

// ruleTests are what a file of tests says.
type ruleTests struct {
	Config string     `json:"config"`
	Tests  []ruleTest `json:"tests"`
}

// A ruleTest is one event and what it is expected to ask for.
type ruleTest struct {
	Name    string                   `json:"name"`
	Source  string                   `json:"source"`
	File    string                   `json:"file"`
	Body    json.RawMessage          `json:"body"`
	Headers []string                 `json:"headers"`
	Expect  map[string]expectedSteps `json:"expect"`
}

// A tested is what became of the tests of one file.
type tested struct {
	File   string       `json:"file"`
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	Tests  []testedRule `json:"tests"`
}

// A testedRule is what became of one test.
type testedRule struct {
	Name      string   `json:"name"`
	OK        bool     `json:"ok"`
	Surprises []string `json:"surprises,omitempty"`
}

// testRules runs a file of tests.
func testRules(file, config string) (tested, error) {
	done := tested{File: file, Tests: []testedRule{}}
	tests, err := readRuleTests(file)
	if err != nil {
		return done, err
	}
	if config == "" {
		config = filepath.Join(filepath.Dir(file), tests.Config)
	}
	cfg, err := correct(config)
	if err != nil {
		return done, err
	}
	for _, test := range tests.Tests {
		surprises := test.run(cfg, filepath.Dir(file))
		if len(surprises) > 0 {
			done.Failed++
		} else {
			done.Passed++
		}
		done.Tests = append(done.Tests, testedRule{test.Name, len(surprises) == 0, surprises})
	}
	return done, nil
}

func (t tested) print(out io.Writer) error {
	var text strings.Builder
	for _, test := range t.Tests {
		fmt.Fprintf(&text, "%s %s\n", map[bool]string{true: "ok  ", false: "FAIL"}[test.OK], test.Name)
		for _, surprise := range test.Surprises {
			fmt.Fprintf(&text, "     %s\n", surprise)
		}
	}
	fmt.Fprintf(&text, "%d passed, %d failed\n", t.Passed, t.Failed)
	_, err := io.WriteString(out, text.String())
	return err
}

func readRuleTests(file string) (ruleTests, error) {
	var tests ruleTests
	text, err := os.ReadFile(file)
	if err != nil {
		return tests, err
	}
	document := parseDocument(text)
	if len(document.problems) > 0 {
		return tests, errors.New(document.problems[0].String())
	}
	if err := decode(document.value, &tests); err != nil {
		return tests, err
	}
	if len(tests.Tests) == 0 {
		return tests, errors.New("there are no tests in it; expected a list under tests")
	}
	return tests, nil
}

// run says what is not as expected.
func (r ruleTest) run(cfg *config, folder string) []string {
	s := sample{source: r.Source, headers: r.Headers, body: r.Body}
	if r.File != "" {
		s.file = filepath.Join(folder, r.File)
	} else if r.Body == nil {
		return []string{"there is no event: expected body or file"}
	}
	arrivals, err := s.read(cfg, nil)
	if err != nil {
		return []string{err.Error()}
	}
	if len(arrivals) != 1 {
		return []string{fmt.Sprintf("the delivery holds %d events; a test takes one", len(arrivals))}
	}
	var surprises []string
	seen := map[string]bool{}
	for _, e := range cfg.Rules.Explain(arrivals[0].View()) {
		want, expected := r.Expect[e.Rule]
		seen[e.Rule] = true
		switch {
		case !expected && e.Matches:
			surprises = append(surprises, fmt.Sprintf("rule %s matches and was not expected", e.Rule))
		case expected && !e.Matches:
			surprises = append(surprises, fmt.Sprintf("rule %s does not match: %s", e.Rule, e.Why))
		case expected && e.Error != "":
			surprises = append(surprises, fmt.Sprintf("rule %s matches and cannot be planned: %s", e.Rule, e.Error))
		case expected:
			surprises = append(surprises, want.compare(e.Rule, e.Plan.Steps)...)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(r.Expect)) {
		if !seen[rule] {
			surprises = append(surprises, fmt.Sprintf("rule %s is not configured", rule))
		}
	}
	return surprises
}
