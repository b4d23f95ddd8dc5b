package events_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/schemas"
)

// compiled returns the JSON Schema of events' data, by name.
func compiled(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for _, name := range schemas.Events() {
		text, err := schemas.Event(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if id := doc.(map[string]any)["$id"]; id != schemas.EventID(name) {
			t.Errorf("schema %s calls itself %v", name, id)
		}
		if err := compiler.AddResource(schemas.EventID(name), doc); err != nil {
			t.Fatal(err)
		}
	}
	all := map[string]*jsonschema.Schema{}
	for _, name := range schemas.Events() {
		schema, err := compiler.Compile(schemas.EventID(name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = schema
	}
	return all
}

// sample returns data for a type of event with every field set.
func sample(kind events.Kind) any {
	moment := time.Date(2026, 11, 23, 16, 0, 0, 5e8, time.UTC)
	app := events.AppRef{ID: "2f1c6e0a-0000-4000-8000-000000000001", Name: "Sales", Link: "https://acme.eu.qlikcloud.com/sense/app/2f1c"}
	work := events.Work{Tenant: "acme", Run: "r1", Rule: "refresh", Causes: events.Causes{Count: 2, First: []string{"a"}, Last: []string{"b"}, Sequences: []uint64{4, 9}}}
	if p := kind.Participle(); p != "succeeded" && p != "queued" && p != "started" {
		work.Reason, work.Error = events.ReasonReloadFailed, "field not found"
	}
	switch kind.Data.(type) {
	case events.ReloadData:
		return events.ReloadData{
			Work: work, Step: "reload", Attempts: 1, App: app, ReloadID: "5be59decca62aa00097268a4", Status: strings.ToUpper(kind.Participle()), Partial: true,
			ErrorCode: "EngineError", Created: moment, Started: moment, Ended: moment.Add(time.Minute), Duration: 60, LogExcerpt: "Error: field not found", Space: "64b1f5a8c2e1f70001a1b2c3",
		}
	case events.ForeignReloadData:
		return events.ForeignReloadData{
			Tenant: "acme", Origin: "chronos", App: app, ReloadID: "5be59decca62aa00097268a4", Status: strings.ToUpper(kind.Participle()), Partial: true,
			Reason: work.Reason, Error: work.Error, ErrorCode: "EngineError", Created: moment, Started: moment, Ended: moment.Add(time.Minute), Duration: 60,
			LogExcerpt: "Error: field not found", Space: "64b1f5a8c2e1f70001a1b2c3",
		}
	case events.CopyData:
		return events.CopyData{Work: work, Step: "copy", Attempts: 1, App: app, Copy: app, Space: "s1", ErrorCode: "X"}
	case events.PublishData:
		return events.PublishData{Work: work, Step: "publish", Attempts: 2, App: app, Published: app, Space: "s1", Replaced: true, ErrorCode: "X"}
	case events.MoveData:
		return events.MoveData{Work: work, Step: "move", Attempts: 1, App: app, Space: "s1", ErrorCode: "X"}
	case events.DeleteData:
		return events.DeleteData{Work: work, Step: "delete", Attempts: 1, App: app, ErrorCode: "X"}
	case events.AssertData:
		return events.AssertData{Work: work, Step: "assert", Attempts: 1, App: app, That: `rows("Sales") > 0`, ErrorCode: "X"}
	case events.EmitData:
		return events.EmitData{Work: work, Step: "emit", Type: "com.example.sales.stale", Data: map[string]any{"batch": 7.0}}
	case events.RunData:
		steps := []events.StepState{{Name: "reload", Action: "reload", State: "succeeded", Attempts: 1}}
		return events.RunData{Work: work, State: kind.Participle(), Steps: steps, Opened: moment, Started: moment, Ended: moment}
	case events.BudgetData:
		return events.BudgetData{Tenant: "acme", App: &app, Budget: 192, Used: 192, FreeAt: moment}
	case events.TenantData:
		return events.TenantData{Tenant: "acme", Reason: events.ReasonServerError, Error: "503", Since: moment, Probe: moment}
	case events.PauseData:
		return events.PauseData{Tenant: "acme", Rule: "refresh", App: app, Note: "year-end close", By: "ann", Since: moment, Until: moment.Add(time.Hour)}
	case events.AuditData:
		return events.AuditData{Tenant: "acme", By: "ann", Role: "operator", Action: "createPause", Object: "pauses/acme.tenant", Outcome: events.AuditDone, Note: "year-end close"}
	case events.SubscriptionData:
		return events.SubscriptionData{
			Subscription: "alerts", Host: "hooks.example.com", Reason: events.ReasonServerError, Error: "answered 503",
			Since: moment, Failures: 7, DisabledAt: moment, First: 5, Last: 9, Missing: 5,
		}
	}
	return nil
}

// bare returns data for a type of event with as little set as there can be.
func bare(kind events.Kind) any {
	work := events.Work{Tenant: "acme", Run: "r1", Rule: "refresh", Causes: events.Causes{Count: 1, First: []string{"a"}}}
	app := events.AppRef{ID: "2f1c"}
	switch kind.Data.(type) {
	case events.ReloadData:
		return events.ReloadData{Work: work, Step: "reload", App: app}
	case events.ForeignReloadData:
		return events.ForeignReloadData{Tenant: "acme", Origin: "hub", App: app, ReloadID: "5be5", Status: "SUCCEEDED"}
	case events.CopyData:
		return events.CopyData{Work: work, Step: "copy", App: app}
	case events.PublishData:
		return events.PublishData{Work: work, Step: "publish", App: app}
	case events.MoveData:
		return events.MoveData{Work: work, Step: "move", App: app}
	case events.DeleteData:
		return events.DeleteData{Work: work, Step: "delete", App: app}
	case events.AssertData:
		return events.AssertData{Work: work, Step: "assert", App: app, That: "true"}
	case events.EmitData:
		return events.EmitData{Work: work, Step: "emit", Type: "com.example.sales.stale"}
	case events.RunData:
		if kind.Participle() != "succeeded" && kind.Participle() != "canceled" {
			work.Reason = events.ReasonDeadline
		}
		return events.RunData{Work: work, State: kind.Participle(), Steps: []events.StepState{}}
	}
	if kind.Schema == "pause" {
		return events.PauseData{Tenant: "acme", Since: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)}
	}
	if kind.Schema == "budget" {
		return events.BudgetData{Tenant: "acme", Budget: 1}
	}
	if kind.Schema == "audit" {
		return events.AuditData{By: "local", Role: "operator", Action: "backUp", Object: "backup", Outcome: events.AuditDone}
	}
	if kind.Schema == "subscription" {
		return events.SubscriptionData{Subscription: "alerts", Host: "hooks.example.com", Reason: events.ReasonGone}
	}
	return events.TenantData{Tenant: "acme"}
}

func outcome(t *testing.T, kind events.Kind, data any) events.Outcome {
	t.Helper()
	o, err := events.NewOutcome(events.Head{
		ID: "r1/" + kind.Type, Type: kind.Type, Tenant: "acme", Subject: "apps/2f1c", Key: "2f1c", Rule: "refresh",
		Time: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC), CausationID: "a", CorrelationID: "r1",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}, data)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func valid(t *testing.T, schema *jsonschema.Schema, data []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestEveryTypeOfEventKeepsItsPromise(t *testing.T) {
	t.Parallel()
	all := compiled(t)
	for _, kind := range events.Catalog() {
		if all[kind.Schema] == nil || kind.When == "" {
			t.Errorf("%s: schema %q, when %q", kind.Type, kind.Schema, kind.When)
			continue
		}
		for _, data := range []any{sample(kind), bare(kind)} {
			o := outcome(t, kind, data)
			if err := valid(t, all[kind.Schema], o.Data); err != nil {
				t.Errorf("%s: %s: %v", kind.Type, o.Data, err)
			}
			event, err := o.CloudEvent("/qlikgateway")
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			var read cloudevents.Event
			if err := json.Unmarshal(text, &read); err != nil || read.Validate() != nil {
				t.Errorf("%s: the SDK reads %s with %v, %v", kind.Type, text, err, read.Validate())
			}
			if read.ID() != o.ID || read.Type() != kind.Type || read.Source() != "/qlikgateway/acme" || read.DataSchema() != kind.DataSchema() ||
				read.DataContentType() != "application/json" || read.Extensions()["causationid"] != "a" || read.Extensions()["correlationid"] != "r1" ||
				read.Extensions()["rule"] != "refresh" || read.Extensions()["traceparent"] != o.TraceParent || !bytes.Equal(read.Data(), o.Data) {
				t.Errorf("%s is told as %s", kind.Type, text)
			}
			if strict, err := events.DecodeStructured(text); err != nil || strict.ID() != o.ID {
				t.Errorf("%s: the ingress reads it with %v", kind.Type, err)
			}
		}
	}
}

func TestSchemasRefuseWhatIsNotPromised(t *testing.T) {
	t.Parallel()
	all := compiled(t)
	for name, c := range map[string]struct{ schema, data string }{
		"a reload without app":          {"reload", `{"tenant":"a","run":"r","rule":"x","causes":{"count":1,"first":[]},"step":"s","attempts":1}`},
		"an app without id":             {"copy", `{"tenant":"a","run":"r","rule":"x","causes":{"count":1,"first":[]},"step":"s","attempts":1,"app":{}}`},
		"a reason outside the list":     {"tenant", `{"tenant":"a","reason":"because"}`},
		"a failed run without a reason": {"run", `{"tenant":"a","run":"r","rule":"x","causes":{"count":1,"first":[]},"state":"failed","steps":[],"opened":"2026-11-23T16:00:00Z"}`},
		"a success with a reason":       {"run", `{"tenant":"a","run":"r","rule":"x","causes":{"count":1,"first":[]},"state":"succeeded","reason":"deadline","steps":[],"opened":"2026-11-23T16:00:00Z"}`},
		"a time that is none":           {"tenant", `{"tenant":"a","since":"yesterday"}`},
	} {
		if valid(t, all[c.schema], []byte(c.data)) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestSchemasDescribeEveryFieldAndNoOther(t *testing.T) {
	t.Parallel()
	for _, kind := range events.Catalog() {
		text, err := schemas.Event(kind.Schema)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct{ Properties map[string]any }
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		fields := fieldsOf(reflect.TypeOf(kind.Data))
		for _, field := range fields {
			if schema.Properties[field] == nil {
				t.Errorf("schema %s does not describe %s", kind.Schema, field)
			}
		}
		for property := range schema.Properties {
			if !slices.Contains(fields, property) {
				t.Errorf("schema %s describes %s, which is never sent", kind.Schema, property)
			}
		}
	}
}

// fieldsOf lists the JSON names of a struct's fields, embedded ones included.
func fieldsOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if field := t.Field(i); field.Anonymous {
			names = append(names, fieldsOf(field.Type)...)
		} else {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return names
}

func TestReasonsAreTheSameInCodeListAndSchema(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared, listed []string
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			declared = append(declared, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	for _, reason := range events.Reasons() {
		listed = append(listed, string(reason))
	}
	text, err := schemas.Event("common")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct{ Reason struct{ Enum []string } } `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	promised := schema.Defs.Reason.Enum
	slices.Sort(declared)
	slices.Sort(listed)
	slices.Sort(promised)
	if !slices.Equal(declared, listed) || !slices.Equal(declared, promised) {
		t.Errorf("declared %q\nReasons()  %q\nschema   %q", declared, listed, promised)
	}
}

func TestOutcomeOutsideTheCatalogIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind string
		data any
	}{
		"unknown type": {events.TypePrefix + "run.exploded", events.RunData{}},
		"other data":   {events.TypeRunFailed, events.ReloadData{}},
		"pointer":      {events.TypeRunFailed, &events.RunData{}},
		"unencodable":  {"com.example.x", make(chan int)},
	} {
		if _, err := events.NewOutcome(events.Head{Type: c.kind}, c.data); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
