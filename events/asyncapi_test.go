package events_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/qlikgateway/gateway/events"
)

// asyncAPI writes the AsyncAPI document but for its first line.
func asyncAPI(t *testing.T) string {
	t.Helper()
	channels, operations, messages := map[string]any{}, map[string]any{}, map[string]any{}
	for _, kind := range events.Catalog() {
		name := kind.Noun() + "." + kind.Participle()
		id := strings.ReplaceAll(name, ".", "_")
		channel := map[string]any{
			"address": subjectOf(kind), "description": "Sent when " + kind.When + ".",
			"messages": map[string]any{id: map[string]any{"$ref": "#/components/messages/" + id}},
		}
		parameters := map[string]any{}
		if kind.Key != "" {
			parameters[kind.Key] = map[string]any{"$ref": "#/components/parameters/" + kind.Key}
		}
		if kind.Key != "subscription" {
			parameters["tenant"] = map[string]any{"$ref": "#/components/parameters/tenant"}
		}
		channel["parameters"] = parameters
		channels[id] = channel
		operations["tell_"+id] = map[string]any{
			"action": "send", "channel": map[string]any{"$ref": "#/channels/" + id}, "summary": "Tell that " + kind.When + ".",
		}
		messages[id] = message(t, kind)
	}
	document := struct {
		AsyncAPI           string         `yaml:"asyncapi"`
		Info               map[string]any `yaml:"info"`
		DefaultContentType string         `yaml:"defaultContentType"`
		Channels           map[string]any `yaml:"channels"`
		Operations         map[string]any `yaml:"operations"`
		Components         map[string]any `yaml:"components"`
	}{
		AsyncAPI: "3.0.0",
		Info: map[string]any{
			"title": "Events of the gateway for Qlik Cloud", "version": "1.0.0", "license": map[string]any{"name": "Apache-2.0"},
			"description": "How reloads, copies and publishes ended, and what happened to the way there: CloudEvents on NATS subjects, " +
				"and over HTTP to subscriptions. At least once, under stable ids.",
		},
		DefaultContentType: events.MediaEvent,
		Channels:           channels, Operations: operations,
		Components: map[string]any{"messages": messages, "parameters": parametersText(), "schemas": map[string]any{"cloudevent": envelope()}},
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func parametersText() map[string]any {
	parameters := map[string]any{}
	for name, text := range map[string]string{
		"tenant": "Name of the Qlik tenant, as configured.", "app": "Id of the app.", "rule": "Name of the rule, as configured.", "run": "Id of the run.",
		"subscription": "Name of the subscription, as configured.",
	} {
		parameters[name] = map[string]any{"description": text}
	}
	return parameters
}

// envelope describes the attributes that every event has.
func envelope() map[string]any {
	properties := map[string]any{"specversion": map[string]any{"const": "1.0"}}
	for name, text := range map[string]string{
		"id": "The same for every delivery of one event.", "source": "/qlikgateway/<tenant>.", "type": "What happened.",
		"subject": "What it is about.", "datacontenttype": "application/json.", "tenant": "Name of the Qlik tenant.", "rule": "The rule of the run.",
		"causationid": "Id of the newest event that caused it.", "correlationid": "Id of the run.", "traceparent": "W3C trace context.",
	} {
		properties[name] = map[string]any{"type": "string", "description": text}
	}
	properties["hops"] = map[string]any{"type": "integer", "minimum": 1, "description": "How many runs of the gateway's own led to the run, one by the outcome of the other."}
	properties["time"] = map[string]any{"type": "string", "format": "date-time", "description": "When it happened."}
	return map[string]any{"type": "object", "required": []string{"specversion", "id", "source", "type", "time", "data"}, "properties": properties}
}

func message(t *testing.T, kind events.Kind) map[string]any {
	t.Helper()
	text, err := json.Marshal(exampleEvent(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	var payload any
	if err := json.Unmarshal(text, &payload); err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"name": kind.Type, "contentType": events.MediaEvent, "summary": "Sent when " + kind.When + ".",
		"payload": map[string]any{"allOf": []any{
			map[string]any{"$ref": "#/components/schemas/cloudevent"},
			map[string]any{"properties": map[string]any{
				"type": map[string]any{"const": kind.Type}, "dataschema": map[string]any{"const": kind.DataSchema()},
				"data": map[string]any{"$ref": "./events/" + kind.Schema + ".json"},
			}},
		}},
		"examples": []any{map[string]any{"payload": payload}},
	}
}
