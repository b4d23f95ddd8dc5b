package events_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/schemas"
)

var update = flag.Bool("update", false, "write the documents that are made from the catalog anew")

const (
	docFile      = "../docs/events.md"
	asyncAPIFile = "../schemas/asyncapi.yaml"
	docBegin     = "<!-- Generated from events.Catalog: go test ./events -run Documents -update -->\n"
	asyncBegin   = "# Generated from events.Catalog: go test ./events -run Documents -update\n"
)

func TestDocumentsAreThoseOfTheCatalog(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	byHand, _, ok := strings.Cut(string(text), docBegin)
	if !ok {
		t.Fatalf("%s does not say where what is generated begins", docFile)
	}
	same(t, docFile, byHand+docBegin+catalogText(t))
	async := asyncAPI(t)
	same(t, asyncAPIFile, asyncBegin+async)
	if !*update && string(schemas.AsyncAPI()) != asyncBegin+async {
		t.Error("schemas.AsyncAPI is another document")
	}
}

// same compares a file with what it should be, or writes it anew.
func same(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: run go test ./events -run Documents -update", path)
	}
}

// keyName says what the last token of a subject is.
func keyName(kind events.Kind) string {
	if kind.Key == "" {
		return "-"
	}
	return "{" + kind.Key + "}"
}

// subjectOf is the address of a kind of event on NATS.
func subjectOf(kind events.Kind) string {
	tenant := "{tenant}"
	if kind.Key == "subscription" {
		tenant = "-"
	}
	return "qlik.events." + tenant + "." + kind.Noun() + "." + kind.Participle() + "." + keyName(kind)
}

// catalogText writes the generated part of docs/events.md.
func catalogText(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("\n## Every type\n\nAll begin with `%s`. Those marked *progress* tell that something goes on; over HTTP they come only when asked for.\n", events.TypePrefix)
	line("| type | subject | sent when | data |\n| --- | --- | --- | --- |")
	for _, kind := range events.Catalog() {
		when := kind.When
		if kind.Progress {
			when += " (*progress*)"
		}
		line("| `%s` | `%s` | %s | [%s](#data-of-%s) |", strings.TrimPrefix(kind.Type, events.TypePrefix), subjectOf(kind), when, kind.Schema, kind.Schema)
	}
	var done []string
	for _, kind := range events.Catalog() {
		if slices.Contains(done, kind.Schema) {
			continue
		}
		done = append(done, kind.Schema)
		line("\n## Data of %s\n\nJSON Schema: `%s`\n", kind.Schema, kind.DataSchema())
		fieldsText(t, line, kind.Schema)
		event := exampleEvent(t, example(kind.Schema))
		indented, err := json.MarshalIndent(event, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		line("\n```json\n%s\n```", indented)
	}
	line("\n## Reasons\n\n`reason` is one of a closed list, to which new ones may be added. [Operations](operations.md#why-it-ended-badly-or-goes-no-further) says what to do about\neach of a run, [dead letters](dead-letters.md) about those of an event.\n")
	for _, reason := range events.Reasons() {
		line("- `%s`", reason)
	}
	return text.String()
}

// example is the kind whose event shows most of a schema.
func example(schema string) events.Kind {
	var found events.Kind
	for _, kind := range events.Catalog() {
		if kind.Schema == schema && (found.Type == "" || kind.Participle() == "failed") {
			found = kind
		}
	}
	return found
}

// exampleEvent is an event as it is told.
func exampleEvent(t *testing.T, kind events.Kind) cloudevents.Event {
	t.Helper()
	o := outcome(t, kind, sample(kind))
	switch kind.Key {
	case "run":
		o.Subject, o.Key = "runs/r1", "r1"
	case "rule":
		o.Subject, o.Key = "rules/refresh", "refresh"
	case "subscription":
		o.Subject, o.Key = "subscriptions/alerts", "alerts"
		o.Tenant, o.Rule, o.CausationID, o.CorrelationID, o.TraceParent = "", "", "", "", ""
	case "":
		o.Subject, o.Key, o.Rule = "", "", ""
	}
	if kind.Schema == "audit" {
		o.Subject = "pauses/acme.tenant"
	}
	if kind.Schema == "pause" || kind.Schema == "audit" {
		o.CausationID, o.CorrelationID, o.TraceParent = "", "", ""
	}
	event, err := o.CloudEvent("/qlikgateway")
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// A described is as much of a JSON Schema as the documents show.
type described struct {
	Type        string
	Ref         string `json:"$ref"`
	Description string
	Format      string
	Properties  map[string]described
	Required    []string
	Items       *described
}

func fieldsText(t *testing.T, line func(string, ...any), name string) {
	t.Helper()
	text, err := schemas.Event(name)
	if err != nil {
		t.Fatal(err)
	}
	var schema described
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	line("| field | type | what it says |\n| --- | --- | --- |")
	for _, kind := range events.Catalog() {
		if kind.Schema != name {
			continue
		}
		for _, field := range fieldsOf(reflect.TypeOf(kind.Data)) {
			property := schema.Properties[field]
			required := ""
			if slices.Contains(schema.Required, field) {
				required = ", always there"
			}
			line("| `%s` | %s%s | %s |", field, typeText(property), required, property.Description)
		}
		return
	}
}

func typeText(property described) string {
	switch {
	case property.Ref != "":
		_, name, _ := strings.Cut(property.Ref, "$defs/")
		return name
	case property.Format == "date-time":
		return "time"
	case property.Type == "array" && property.Items != nil:
		return "list"
	}
	return property.Type
}
