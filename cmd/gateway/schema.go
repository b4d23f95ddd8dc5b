package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/schemas"
)

// A schema is the configuration's JSON Schema and the words it has for people.
type schema struct {
	compiled *jsonschema.Schema
	document any // the schema itself, for its titles and known keys
}

func newSchema() (*schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemas.Config()))
	if err != nil {
		return nil, fmt.Errorf("read configuration schema: %w", err)
	}
	const url = "https://github.com/qlikgateway/gateway/schemas/config.schema.json"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("read configuration schema: %w", err)
	}
	compiled, err := compiler.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile configuration schema: %w", err)
	}
	return &schema{compiled: compiled, document: document}, nil
}

// check returns everything in value that the schema refuses.
func (s *schema) check(value any) []rules.Problem {
	err := s.compiled.Validate(value)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []rules.Problem{{Text: err.Error()}}
	}
	return s.problems(invalid, value)
}

// problems turns the leaves of a validation error into sentences.
func (s *schema) problems(e *jsonschema.ValidationError, value any) []rules.Problem {
	if names, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		return []rules.Problem{s.badName(e, names.Property)}
	}
	if len(e.Causes) > 0 {
		var problems []rules.Problem
		for _, cause := range e.Causes {
			problems = append(problems, s.problems(cause, value)...)
		}
		return problems
	}
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		return s.unknownKeys(e, k.Properties)
	case *kind.Required:
		return s.missingKeys(e, k.Missing)
	case *kind.DependentRequired:
		return []rules.Problem{{Path: child(at, k.Missing[0]), Text: fmt.Sprintf("is missing; %s needs it", k.Prop)}}
	}
	for _, name := range at {
		value = descend(value, name)
	}
	return []rules.Problem{{Path: at, Text: s.sentence(e, value)}}
}

// badName reports a key that is no name. Its place is read from the schema's own
// path, properties/sources/propertyNames: the library reuses the memory of the
// error's InstanceLocation.
func (s *schema) badName(e *jsonschema.ValidationError, name string) rules.Problem {
	leaf := e
	for len(leaf.Causes) > 0 {
		leaf = leaf.Causes[0]
	}
	_, pointer, _ := strings.Cut(e.SchemaURL, "#/properties/")
	in, _, _ := strings.Cut(pointer, "/")
	return rules.Problem{Path: []string{in, name}, Text: fmt.Sprintf("expected %s, got %q", s.title(leaf), name)}
}

// sentence says what was expected at one place. It shows a value only where the
// schema lists or bounds the values, so never a secret.
func (s *schema) sentence(e *jsonschema.ValidationError, value any) string {
	expected := "expected " + s.title(e)
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		if expected == "expected " {
			expected += typeWords(k.Want)
		}
		text := expected + ", got " + typeWords([]string{k.Got})
		if slices.Contains(k.Want, "string") && !slices.Contains([]string{"object", "array", "null"}, k.Got) {
			text += "; put it in quotes"
		}
		return text
	case *kind.Enum:
		if word, ok := value.(string); ok {
			return fmt.Sprintf("%s, got %q%s", expected, word, meant(word, texts(k.Want)))
		}
		return fmt.Sprintf("%s, got %v", expected, value)
	case *kind.Pattern:
		return fmt.Sprintf("%s, got %q", expected, k.Got)
	case *kind.MinLength, *kind.MinItems, *kind.MinProperties:
		return "is empty; " + expected
	case *kind.MaxItems:
		return fmt.Sprintf("%d items; expected at most %d", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("%d keys; expected at most %d: %s", k.Got, k.Want, s.title(e))
	case *kind.Minimum, *kind.Maximum:
		return fmt.Sprintf("%s, got %v", expected, value)
	default:
		return fmt.Sprintf("%s (%T)", expected, k)
	}
}

func (s *schema) unknownKeys(e *jsonschema.ValidationError, names []string) []rules.Problem {
	known := s.keys(e)
	var problems []rules.Problem
	for _, name := range names {
		problems = append(problems, rules.Problem{
			Path: child(e.InstanceLocation, name),
			Text: fmt.Sprintf("unknown key %q%s; known keys: %s", name, meant(name, known), strings.Join(known, ", ")),
		})
	}
	return problems
}

func (s *schema) missingKeys(e *jsonschema.ValidationError, names []string) []rules.Problem {
	properties, _ := descend(s.at(e), "properties").(map[string]any)
	var problems []rules.Problem
	for _, name := range names {
		text := "is missing"
		if description, _ := descend(properties[name], "description").(string); description != "" {
			text += ": " + strings.TrimSuffix(strings.ToLower(description[:1])+description[1:], ".")
		}
		problems = append(problems, rules.Problem{Path: child(e.InstanceLocation, name), Text: text})
	}
	return problems
}

// at returns the part of the schema that refused.
func (s *schema) at(e *jsonschema.ValidationError) any {
	_, pointer, _ := strings.Cut(e.SchemaURL, "#")
	value := s.document
	for _, name := range strings.Split(pointer, "/")[1:] {
		value = descend(value, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return value
}

func (s *schema) title(e *jsonschema.ValidationError) string {
	title, _ := descend(s.at(e), "title").(string)
	if title == "" && len(s.keys(e)) > 0 {
		return "keys and values: " + strings.Join(s.keys(e), ", ")
	}
	return title
}

func (s *schema) keys(e *jsonschema.ValidationError) []string {
	properties, _ := descend(s.at(e), "properties").(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}

// typeWords says JSON's types in the words of YAML's readers.
func typeWords(types []string) string {
	words := map[string]string{
		"object": "keys and values", "array": "a list", "string": "text", "number": "a number",
		"integer": "a whole number", "boolean": "true or false", "null": "nothing",
	}
	var named []string
	for _, t := range types {
		named = append(named, words[t])
	}
	return strings.Join(named, " or ")
}

func texts(values []any) []string {
	var all []string
	for _, value := range values {
		if text, ok := value.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

func meant(word string, known []string) string {
	if name := rules.Nearest(word, known); name != "" {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// decode reads a value that passed the schema into the types that it describes.
func decode(value any, into any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
