package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	hopRow  = regexp.MustCompile(`(?m)^\| (\d+) \| (.*?) \| (.*) \|$`)
	hopSpan = regexp.MustCompile("`([\\w/]+\\.go)`(?: `([\\w.]+)`)?")
)

// TestHopsAreWhereTheDocumentSays looks up each file and function that the hops of
// docs/architecture.md name.
func TestHopsAreWhereTheDocumentSays(t *testing.T) {
	t.Parallel()
	code := files(t, ".go")
	rows := hopRow.FindAllStringSubmatch(string(read(t, repository+"/docs/architecture.md")), -1)
	for i, row := range rows {
		if row[1] != fmt.Sprint(i+1) {
			t.Errorf("hop %s is number %d", row[1], i+1)
		}
		spans := hopSpan.FindAllStringSubmatch(row[2]+row[3], -1)
		if len(hopSpan.FindAllString(row[2], -1)) == 0 {
			t.Errorf("hop %s names no file", row[1])
		}
		for _, span := range spans {
			text, ok := code[span[1]]
			if !ok {
				t.Errorf("hop %s: there is no file %s", row[1], span[1])
			}
			if span[2] != "" && !declared(text, span[2]) {
				t.Errorf("hop %s: %s does not declare %s", row[1], span[1], span[2])
			}
		}
	}
	if len(rows) != 12 {
		t.Errorf("%d hops, want 12", len(rows))
	}
}

// declared says whether Go code declares a function, or a method as Type.Method.
func declared(code, name string) bool {
	kind, method, isMethod := strings.Cut(name, ".")
	if !isMethod {
		return strings.Contains(code, "\nfunc "+name+"(")
	}
	return regexp.MustCompile(`(?m)^func \(\w+ \*?` + kind + `\) ` + method + `\(`).MatchString(code)
}
