package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	request   = regexp.MustCompile("\\b(GET|POST|PUT|PATCH|DELETE)(?:` and `[A-Z]+)? \"?(/[^\\s`\"'|)]*)")
	ownURL    = regexp.MustCompile(`(?:127\.0\.0\.1:(?:8080|8081|9090)|localhost:808[01]|gateway\.example\.com)(/[^\s` + "`" + `"'|)]*)`)
	route     = regexp.MustCompile(`\.(GET|POST|PUT|PATCH|DELETE)\("([^"]+)"|HandleFunc\("([A-Z]+) ([^"]+)"|Method: (\w+),\s+Path: "([^"]+)"|URL\.Path (==) "([^"]+)"`)
	inAddress = regexp.MustCompile(`^[{:$<].*|^[A-Z]+$|\.\.\.`)
)

// TestPathsInDocumentsAreServed takes every address of the gateway, and every request
// that a document or an example names, and looks for it in the two API documents and
// in the routes of the code.
func TestPathsInDocumentsAreServed(t *testing.T) {
	t.Parallel()
	routes := served(t)
	texts := documents(t)
	for name, text := range files(t, "/run") {
		texts[name] = text
	}
	found := 0
	for name, text := range texts {
		for i, line := range strings.Split(text, "\n") {
			for _, r := range requests(line) {
				found++
				if !slices.ContainsFunc(routes, r.ledBy) {
					t.Errorf("%s:%d: %s %s is not served", name, i+1, r.method, r.path)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d paths were found", found)
	}
}

// An endpoint is a path, and the method it is asked with, "" where nobody said it.
type endpoint struct{ method, path string }

// requests returns what a line of a document asks the gateway or the tenant for.
func requests(line string) []endpoint {
	var all []endpoint
	add := func(method, path string) {
		path, _, _ = strings.Cut(strings.TrimRight(path, ".,:;"), "?")
		if !strings.HasPrefix(path, "/v4/") { // Butler's
			all = append(all, endpoint{method, path})
		}
	}
	for _, match := range request.FindAllStringSubmatch(line, -1) {
		add(match[1], match[2])
	}
	for _, match := range ownURL.FindAllStringSubmatch(line, -1) {
		add("", match[1])
	}
	return all
}

// ledBy reports whether a route leads to the endpoint; what is in braces there, or
// behind a colon, and here also what is in capitals, stands for anything.
func (e endpoint) ledBy(route endpoint) bool {
	is, want := strings.Split(e.path, "/"), strings.Split(route.path, "/")
	if e.method != "" && e.method != route.method || len(is) != len(want) {
		return false
	}
	for i := range is {
		if is[i] != want[i] && !inAddress.MatchString(is[i]) && !strings.ContainsAny(want[i], "{:") {
			return false
		}
	}
	return true
}

// served returns method and path of all that the program and the simulated tenant answer.
func served(tb testing.TB) []endpoint {
	tb.Helper()
	var routes []endpoint
	for document, prefixes := range map[string][]string{"api.openapi.yaml": {""}, "qlik-cloud.openapi.yaml": {"", "/api/v1"}} {
		var api struct {
			Paths map[string]map[string]any `yaml:"paths"`
		}
		if err := yaml.Unmarshal(read(tb, filepath.Join(repository, "schemas", document)), &api); err != nil {
			tb.Fatal(err)
		}
		for path, methods := range api.Paths {
			for method := range methods {
				for _, prefix := range prefixes {
					routes = append(routes, endpoint{strings.ToUpper(method), prefix + path})
				}
			}
		}
	}
	for name, text := range files(tb, ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, match := range route.FindAllStringSubmatch(text, -1) {
			method, path := match[1]+match[3]+strings.ToUpper(match[5]), match[2]+match[4]+match[6]+match[8]
			if match[7] != "" {
				method = "GET"
			}
			routes = append(routes, endpoint{method, path}, endpoint{method, "/api/v1" + path})
		}
	}
	return routes
}
