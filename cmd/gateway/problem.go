package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A problem is one mistake in a configuration file, with its place.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 when the file could not be read
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"` // such as rules[0].when
	Text    string `json:"text"`
	Warning bool   `json:"warning,omitempty"`

	path []string
}

// String returns the problem on one line, as editors find it.
func (p problem) String() string {
	var line strings.Builder
	line.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&line, ":%d:%d", p.Line, p.Column)
	}
	line.WriteString(": ")
	if p.Warning {
		line.WriteString("warning: ")
	}
	if p.Path != "" {
		line.WriteString(p.Path + ": ")
	}
	return line.String() + p.Text
}

// pathText writes a path the way people do: rules[0].when.
func pathText(path []string) string {
	return strings.TrimSuffix(rules.Problem{Path: path}.String(), ": ")
}

// mistakes returns how many of the problems keep the gateway from starting.
func mistakes(problems []problem) int {
	n := 0
	for _, p := range problems {
		if !p.Warning {
			n++
		}
	}
	return n
}

// findings collects problems and leaves out what only follows from others.
type findings struct {
	document *document
	problems []problem
}

// add places problems in the file. A problem at, inside or around the place of a
// mistake that was found before is its consequence and is left out.
func (f *findings) add(problems []rules.Problem) {
	before := f.problems
	for _, p := range problems {
		if slices.ContainsFunc(before, func(b problem) bool { return !b.Warning && related(b.path, p.Path) }) {
			continue
		}
		at := f.document.place(p.Path)
		f.problems = append(f.problems, problem{
			Line: at.line, Column: at.column, Path: pathText(p.Path), Text: p.Text, Warning: p.Warning, path: p.Path,
		})
	}
}

// related reports whether one of the paths leads through the other. A problem of
// the whole file is related to none.
func related(found, path []string) bool {
	shared := min(len(found), len(path))
	return len(found) > 0 && slices.Equal(found[:shared], path[:shared])
}

// inOrder returns the problems as they come in the file.
func (f *findings) inOrder(file string) []problem {
	for i := range f.problems {
		f.problems[i].File = file
	}
	slices.SortFunc(f.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return f.problems
}
