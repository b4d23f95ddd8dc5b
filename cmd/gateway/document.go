package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a configuration file, so that none can exhaust the process that reads it.
const (
	maxFile  = 1 << 20
	maxNodes = 100_000 // after aliases were followed
	maxDepth = 50
)

// A document is one YAML file as JSON has it, with the place of everything in it.
type document struct {
	value    any
	places   map[string]place // by path: of the key, or of the item of a list
	problems []problem

	nodes int
	open  map[*yaml.Node]bool // aliases that are being followed
}

// A place is where something is in a file, counted from 1; 0 = unknown.
type place struct {
	line, column int
}

// parseDocument reads YAML; the value is nil when it is no YAML at all.
func parseDocument(text []byte) *document {
	d := &document{places: map[string]place{}, open: map[*yaml.Node]bool{}}
	if len(text) > maxFile {
		d.report(nil, place{}, "the file has %d bytes; expected at most %d", len(text), maxFile)
		return d
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root yaml.Node
	err := decoder.Decode(&root)
	switch {
	case errors.Is(err, io.EOF) || err == nil && isNull(&root):
		d.report(nil, place{line: 1, column: 1}, "the file is empty; expected keys and values such as tenants, sources and rules")
		return d
	case err != nil:
		d.syntax(text, err)
		return d
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		d.report(nil, place{line: second.Line, column: second.Column}, "a second document begins here; expected one per file")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(text, err)
	}
	d.value = d.convert(root.Content[0], nil)
	return d
}

func isNull(root *yaml.Node) bool {
	return len(root.Content) == 0 || root.Content[0].Kind == yaml.ScalarNode && root.Content[0].Tag == "!!null"
}

func (d *document) report(path []string, at place, format string, args ...any) {
	d.problems = append(d.problems, problem{
		Line: at.line, Column: at.column, Path: pathText(path), Text: fmt.Sprintf(format, args...), path: path,
	})
}

// syntax reports what the YAML reader could not read, and the usual cause.
func (d *document) syntax(text []byte, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	at := place{line: 1, column: 1}
	if match := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(message); match != nil {
		at.line, _ = strconv.Atoi(match[1])
		message = strings.TrimPrefix(message, match[0])
	}
	at.line = badLine(text, at.line)
	if strings.HasPrefix(message, "did not find expected") {
		message += "; compare how this line is indented and quoted with those around it"
	}
	for i, line := range strings.Split(string(text), "\n") {
		if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") && strings.TrimSpace(line) != "" {
			at = place{line: i + 1, column: strings.Index(indent, "\t") + 1}
			message = "a tab indents this line; YAML is indented with spaces"
			break
		}
	}
	d.report(nil, at, "%s", message)
}

// mostTried is how many lines a file may have for badLine to look at each.
const mostTried = 1000

// badLine returns the line behind the longest beginning of a text that is YAML. The
// reader itself names the line where what it could not read began, which may be the
// whole file.
func badLine(text []byte, named int) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(lines) > mostTried {
		return named
	}
	end := len(text)
	for i := len(lines) - 1; i >= 0; i-- {
		end -= len(lines[i])
		var node yaml.Node
		if yaml.Unmarshal(text[:end], &node) == nil {
			return i + 1
		}
	}
	return named
}

// convert turns a node into what encoding/json would give, noting its place.
func (d *document) convert(node *yaml.Node, path []string) any {
	at := place{line: node.Line, column: node.Column}
	if _, known := d.places[key(path)]; !known {
		d.places[key(path)] = at
	}
	d.nodes++
	switch {
	case d.nodes == maxNodes:
		d.report(path, at, "too much in one file: more than %d values, aliases followed", maxNodes)
		return nil
	case d.nodes > maxNodes:
		return nil
	case len(path) > maxDepth:
		d.report(path, at, "nested more than %d deep", maxDepth)
		return nil
	}
	if own := node.Tag != "" && node.Tag != "!!map" && node.Tag != "!!seq"; own && node.Kind&(yaml.MappingNode|yaml.SequenceNode) != 0 {
		d.report(path, at, "the tag %s is not supported", node.Tag)
		return nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		return d.mapping(node, path)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for i, item := range node.Content {
			list = append(list, d.convert(item, child(path, strconv.Itoa(i))))
		}
		return list
	case yaml.AliasNode:
		if d.open[node.Alias] {
			d.report(path, at, "the alias *%s is inside what it stands for", node.Value)
			return nil
		}
		d.open[node.Alias] = true
		defer delete(d.open, node.Alias)
		return d.convert(node.Alias, path)
	default:
		return d.scalar(node, path)
	}
}

func (d *document) mapping(node *yaml.Node, path []string) any {
	values := map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i]
		at := place{line: name.Line, column: name.Column}
		inner := child(path, name.Value)
		_, twice := values[name.Value]
		switch {
		case name.Kind != yaml.ScalarNode || name.Tag == "!!null":
			d.report(path, at, "expected a name before the colon")
			continue
		case name.Tag == "!!merge":
			d.report(inner, at, "<< is not supported; write the keys out")
			continue
		case twice:
			d.report(inner, at, "the key %q is there twice; the first is on line %d", name.Value, d.places[key(inner)].line)
			continue
		}
		d.places[key(inner)] = at
		values[name.Value] = d.convert(node.Content[i+1], inner)
	}
	return values
}

// scalar gives text, a number, true, false or nil. What YAML would read as a date
// or as an octal number stays the text that people wrote.
func (d *document) scalar(node *yaml.Node, path []string) any {
	at := place{line: node.Line, column: node.Column}
	switch node.Tag {
	case "!!null":
		return nil
	case "!!str", "!!timestamp":
		return node.Value
	case "!!bool", "!!int", "!!float":
	default:
		d.report(path, at, "the tag %s is not supported", node.Tag)
		return nil
	}
	if len(node.Value) > 1 && strings.Trim(node.Value, "0123456789") == "" && node.Value[0] == '0' {
		return node.Value
	}
	var value any
	if err := node.Decode(&value); err != nil {
		kind := strings.TrimPrefix(node.Tag, "!!") // what it is instead is not shown: it may be a secret
		d.report(path, at, "said to be a %s, which it is not", kind)
		return nil
	}
	if number, ok := value.(float64); ok && (math.IsNaN(number) || math.IsInf(number, 0)) {
		d.report(path, at, "%q is not a number", node.Value)
		return nil
	}
	return value
}

// place returns where path is, or the nearest thing around it that is there.
func (d *document) place(path []string) place {
	for i := len(path); i >= 0; i-- {
		if at, ok := d.places[key(path[:i])]; ok {
			return at
		}
	}
	return place{}
}

// remove takes the value at path out of the document, so that what is already
// reported is not looked at again. Items of lists become nil, so that the others
// keep their indexes; tenants, apps and sources become empty, so that what refers
// to them is not a mistake as well.
func (d *document) remove(path []string) {
	if len(path) == 0 {
		d.value = nil
		return
	}
	value := d.value
	for _, name := range path[:len(path)-1] {
		value = descend(value, name)
	}
	last := path[len(path)-1]
	switch container := value.(type) {
	case map[string]any:
		delete(container, last)
		if len(path) == 2 && path[0] != "http" && path[0] != "console" && path[0] != "broker" {
			container[last] = map[string]any{}
		}
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i >= 0 && i < len(container) {
			container[i] = nil
		}
	}
}

func descend(value any, name string) any {
	switch container := value.(type) {
	case map[string]any:
		return container[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(container) {
			return container[i]
		}
	}
	return nil
}

// key makes a path the key of a map.
func key(path []string) string { return strings.Join(path, "\x00") }

// child returns path with one more name, never sharing memory with its siblings.
func child(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}
