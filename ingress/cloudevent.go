package ingress

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

// The CloudEvents SDK's own readers are not used for what strangers send: they
// panic on a header named just `Ce-`, do not decode percent-encoded values, let
// events of a batch and junk behind it pass, and refuse the "1.0.2" that Qlik
// sends. Its Event, its setters and its Validate are.

const (
	mediaEvent = "application/cloudevents+json"
	mediaBatch = "application/cloudevents-batch+json"

	maxAttribute = 2048 // bytes of one attribute
	maxBatch     = 500  // events of one batch
)

// readStructured reads one event in the JSON event format.
func readStructured(body []byte) (cloudevents.Event, error) {
	event := cloudevents.New(cloudevents.CloudEventsVersionV1)
	var fields map[string]json.RawMessage
	if !utf8.Valid(body) {
		return event, errors.New("the event is not UTF-8")
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return event, fmt.Errorf("the event is not a JSON object: %w", err)
	}
	version, err := text(fields, "specversion")
	if err != nil {
		return event, err
	}
	if err := checkVersion(version); err != nil {
		return event, err
	}
	for name, value := range fields {
		if slices.Contains([]string{"specversion", "data", "data_base64"}, name) || string(value) == "null" {
			continue
		}
		attribute, known, err := attributeText(name, value)
		if err != nil {
			return event, err
		}
		if !known {
			continue
		}
		if err := setAttribute(&event, name, attribute); err != nil {
			return event, err
		}
	}
	if err := setData(&event, fields["data"], fields["data_base64"]); err != nil {
		return event, err
	}
	return event, check(event)
}

// attributeText returns an attribute's value as text. It is false for an object
// or array, which is no CloudEvents value; Qlik sends some, and they stay in the
// event as it was received.
func attributeText(name string, value json.RawMessage) (string, bool, error) {
	switch value[0] {
	case '{', '[':
		return "", false, nil
	case '"':
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return "", false, fmt.Errorf("attribute %s: %w", name, err)
		}
		return s, true, nil
	}
	return string(value), true, nil
}

func text(fields map[string]json.RawMessage, name string) (string, error) {
	var s string
	if err := json.Unmarshal(fields[name], &s); err != nil || s == "" {
		return "", fmt.Errorf("attribute %s is missing or no string", name)
	}
	return s, nil
}

// checkVersion accepts 1.0 and, as Qlik writes it, 1.0.x.
func checkVersion(version string) error {
	if version == "1.0" || strings.HasPrefix(version, "1.0.") {
		return nil
	}
	return fmt.Errorf("attribute specversion: expected 1.0, got %.20q; send CloudEvents 1.0", version)
}

// setAttribute sets one attribute, checked as CloudEvents 1.0 asks for it.
func setAttribute(event *cloudevents.Event, name, value string) error {
	if len(name) > maxAttribute || len(value) > maxAttribute {
		return fmt.Errorf("attribute %.40q is longer than %d bytes", name, maxAttribute)
	}
	if strings.ContainsFunc(value, control) {
		return fmt.Errorf("attribute %.40q has control characters", name)
	}
	switch name {
	case "id":
		event.SetID(value)
	case "source":
		event.SetSource(value)
	case "type":
		event.SetType(value)
	case "subject":
		event.SetSubject(value)
	case "datacontenttype":
		event.SetDataContentType(value)
	case "dataschema":
		event.SetDataSchema(value)
	case "time":
		return setTime(event, value)
	case "data":
		return errors.New("no attribute may be named data")
	default:
		if err := event.Context.SetExtension(name, value); err != nil {
			return fmt.Errorf("attribute %.40q: expected a name of lower-case letters and digits", name)
		}
	}
	return nil
}

func control(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f || r == utf8.RuneError }

// setData sets the event's data as the JSON event format asks for it.
func setData(event *cloudevents.Event, data, encoded json.RawMessage) error {
	if encoded != nil && data != nil {
		return errors.New("an event has either data or data_base64, this one has both")
	}
	if encoded != nil && string(encoded) != "null" {
		var s string
		if err := json.Unmarshal(encoded, &s); err != nil {
			return errors.New("data_base64: expected a string")
		}
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("data_base64: %w", err)
		}
		event.DataEncoded, event.DataBase64 = raw, true
		return nil
	}
	event.DataEncoded = data
	if data == nil || isJSON(event.DataContentType()) || data[0] != '"' {
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	event.DataEncoded = []byte(s)
	return nil
}

// readBatch reads a JSON batch. Each event is judged; one that is wrong refuses
// the batch and is named by its place. An empty batch is a valid one.
func readBatch(body []byte) ([]cloudevents.Event, []json.RawMessage, error) {
	var raws []json.RawMessage
	if !utf8.Valid(body) {
		return nil, nil, errors.New("the batch is not UTF-8")
	}
	if err := json.Unmarshal(body, &raws); err != nil {
		return nil, nil, fmt.Errorf("the batch is not a JSON array: %w", err)
	}
	if raws == nil {
		return nil, nil, errors.New("the batch is null, expected a JSON array")
	}
	if len(raws) > maxBatch {
		return nil, nil, fmt.Errorf("the batch has %d events, more than %d: %w", len(raws), maxBatch, errTooLarge)
	}
	events := make([]cloudevents.Event, 0, len(raws))
	var wrong []error
	for i, raw := range raws {
		event, err := readStructured(raw)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("event %d: %w", i, err))
		}
		events = append(events, event)
	}
	if len(wrong) == 0 {
		return events, raws, nil
	}
	err := fmt.Errorf("nothing of the batch was stored: %d of %d events are wrong: %w", len(wrong), len(raws), wrong[0])
	return nil, nil, err
}

// hasAttributes reports whether the headers carry a CloudEvent in binary mode.
func hasAttributes(h http.Header) bool {
	return h.Get("Ce-Specversion") != "" || h.Get("Ce-Id") != "" && h.Get("Ce-Type") != ""
}

// readBinary reads an event whose attributes are headers, as the HTTP and NATS
// bindings have it. The body is the data, untouched.
func readBinary(h http.Header, body []byte) (cloudevents.Event, error) {
	event := cloudevents.New(cloudevents.CloudEventsVersionV1)
	version, ok := single(h, "Ce-Specversion")
	if !ok {
		return event, errors.New("header ce-specversion is missing, or comes more than once")
	}
	if err := checkVersion(version); err != nil {
		return event, err
	}
	for header, values := range h {
		name, ok := strings.CutPrefix(strings.ToLower(header), "ce-")
		if !ok || name == "specversion" {
			continue
		}
		if len(values) != 1 {
			return event, fmt.Errorf("header %.40q comes %d times, expected once", header, len(values))
		}
		value, err := decodeHeader(values[0])
		if err != nil {
			return event, fmt.Errorf("header %.40q: %w", header, err)
		}
		if err := setAttribute(&event, name, value); err != nil {
			return event, err
		}
	}
	if media := h.Get("Content-Type"); media != "" {
		event.SetDataContentType(media)
	}
	event.DataEncoded = body
	return event, check(event)
}

// check validates the event and says in one line what is wrong with it.
func check(event cloudevents.Event) error {
	err := event.Validate()
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	slices.Sort(lines)
	return fmt.Errorf("not a CloudEvent: %.300s", strings.Join(lines, "; "))
}

// isJSON reports whether a media type is JSON; none at all is, in CloudEvents.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}
