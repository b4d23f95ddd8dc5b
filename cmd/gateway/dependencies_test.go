package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependenciesHaveTheirSentence compares docs/dependencies.md with what go.mod
// requires directly.
func TestDependenciesHaveTheirSentence(t *testing.T) {
	t.Parallel()
	var required []string
	for line := range strings.Lines(string(read(t, repository+"/go.mod"))) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") && strings.Contains(fields[0], ".") {
			required = append(required, fields[0])
		}
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]{10,} \\| [^|]{3,} \\|$").FindAllStringSubmatch(string(read(t, repository+"/docs/dependencies.md")), -1) {
		listed = append(listed, row[1])
	}
	slices.Sort(required)
	slices.Sort(listed)
	if len(required) < 20 || !slices.Equal(required, listed) {
		t.Errorf("go.mod requires\n%s\nthe document lists\n%s", strings.Join(required, "\n"), strings.Join(listed, "\n"))
	}
}

// TestPagesAreWrittenByTheTemplTheyCall compares the generator, which is a tool, with the
// library that what it generates calls.
func TestPagesAreWrittenByTheTemplTheyCall(t *testing.T) {
	t.Parallel()
	version := func(file string) string {
		return regexp.MustCompile(`github\.com/a-h/templ v\S+`).FindString(string(read(t, repository+file)))
	}
	if library, tool := version("/go.mod"), version("/.ci/tools/go.mod"); library == "" || library != tool {
		t.Errorf("go.mod has %q and .ci/tools/go.mod %q: go get both, and make docs", library, tool)
	}
}
