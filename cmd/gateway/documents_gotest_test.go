package main

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	goTest   = regexp.MustCompile("(?:^|[`\\s])go test (\\./[^`]*)")
	testFlag = regexp.MustCompile(`flag\.\w+\("([\w.]+)"`)
	goFlags  = []string{"run", "bench", "benchtime", "benchmem", "count", "v", "race", "skip", "timeout", "short", "json", "fuzz", "fuzztime"}
)

// TestLinesOfGoTestInDocumentsTestSomething takes every `go test` of every document:
// each package is there, what it selects is in one of them, and so is each flag.
func TestLinesOfGoTestInDocumentsTestSomething(t *testing.T) {
	t.Parallel()
	tests := files(t, "_test.go")
	found := 0
	for name, text := range documents(t) {
		for i, line := range strings.Split(strings.ReplaceAll(text, `\|`, "|"), "\n") {
			for _, match := range goTest.FindAllStringSubmatch(line, -1) {
				found++
				if wrong := selected(tests, strings.ReplaceAll(match[1], "'", "")); wrong != "" {
					t.Errorf("%s:%d: go test %s: %s", name, i+1, match[1], wrong)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d lines were found", found)
	}
	for line, want := range map[string]string{
		"./nothing": "no tests", "./bridge -run NoSuchTest": "selects nothing", "./bridge -no.flag=1": "no flag", "./bridge -run NoHistory -histories=1": "", "./...": "",
	} {
		if wrong := selected(tests, line); !strings.Contains(wrong, want) || want == "" && wrong != "" {
			t.Errorf("go test %s: %q", line, wrong)
		}
	}
}

// selected says what is wrong with the arguments of a `go test`, given the text of each
// test file of the repository by its path.
func selected(tests map[string]string, line string) string {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " -->")
	var code strings.Builder
	args := strings.Fields(line)
	for _, folder := range args {
		if !strings.HasPrefix(folder, "./") {
			break
		}
		before := code.Len()
		for file, text := range tests {
			if dir := path.Dir(file); folder == "./..." || dir == path.Clean(folder) {
				code.WriteString(text)
			}
		}
		if code.Len() == before {
			return folder + " has no tests"
		}
	}
	names, flags := testFunc.FindAllStringSubmatch(code.String(), -1), []string{}
	for _, match := range testFlag.FindAllStringSubmatch(code.String(), -1) {
		flags = append(flags, match[1])
	}
	for i, arg := range args {
		flag, isFlag := strings.CutPrefix(arg, "-")
		flag, _, _ = strings.Cut(flag, "=")
		switch {
		case !isFlag:
		case (flag == "run" || flag == "bench") && i+1 < len(args) && args[i+1] != "XXX":
			selects, err := regexp.Compile(args[i+1])
			if err != nil || !slices.ContainsFunc(names, func(name []string) bool { return selects.MatchString(name[1]) }) {
				return args[i+1] + " selects nothing"
			}
		case !slices.Contains(goFlags, flag) && !slices.Contains(flags, flag):
			return "no flag -" + flag
		}
	}
	return ""
}
