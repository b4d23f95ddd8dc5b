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
