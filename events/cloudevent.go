package events

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// MediaEvent is the content type of one CloudEvent in the JSON event format.
const MediaEvent = "application/cloudevents+json"

// MediaBatch is the content type of several of them in one JSON array.
const MediaBatch = "application/cloudevents-batch+json"

// longestAttribute is how many bytes an attribute may have.
const longestAttribute = 2048

// The SDK's own readers are not used for what strangers sent: they let events of
// a batch pass unseen and refuse the "1.0.2" that Qlik writes. Its Event, its
// setters and its Validate are.

// DecodeStructured reads one event in the JSON event format, section 3 of it. It
// accepts specversion 1.0.x, and attributes that are objects or arrays, which it
// leaves out. The event is valid unless there is an error.
func DecodeStructured(body []byte) (cloudevents.Event, error) {
	event := cloudevents.New(cloudevents.CloudEventsVersionV1)
	if !utf8.Valid(body) {
		return event, errors.New("the event is not UTF-8")
	}
	fields, err := fieldsOf(body)
	if err != nil {
		return event, fmt.Errorf("the event is not a JSON object: %w", err)
	}
	version, _ := rules.Text(fields["specversion"])
	if version == "" {
		return event, errors.New("attribute specversion is missing or no string")
	}
	if err := CheckVersion(version); err != nil {
		return event, err
	}
	for name, value := range fields {
		if slices.Contains([]string{"specversion", "data", "data_base64"}, name) || strings.ContainsRune("n{[", rune(value[0])) {
			continue // null, or a value that CloudEvents does not have
		}
		attribute := string(value)
		if value[0] == '"' {
			attribute, _ = rules.Text(value) // it is one: the whole body was read
		}
		if err := SetAttribute(&event, name, attribute); err != nil {
			return event, err
		}
	}
	if err := setData(&event, fields["data"], fields["data_base64"]); err != nil {
		return event, err
	}
	return event, Validate(event)
}

// fieldsOf splits a JSON object, as encoding/json does. Of a key that comes twice, the
// last one counts.
func fieldsOf(body []byte) (map[string]json.RawMessage, error) {
	all, ok := rules.Fields(body)
	if !ok {
		var fields map[string]json.RawMessage
		err := json.Unmarshal(body, &fields)
		return fields, err
	}
	fields := make(map[string]json.RawMessage, len(all))
	for _, field := range all {
		fields[field.Key] = field.Value
	}
	return fields, nil
}

// CheckVersion accepts 1.0 and, as Qlik writes it, 1.0.x.
func CheckVersion(version string) error {
	if version == "1.0" || strings.HasPrefix(version, "1.0.") {
		return nil
	}
	return fmt.Errorf("attribute specversion: expected 1.0, got %.20q; send CloudEvents 1.0", version)
}

// SetAttribute sets one attribute but specversion from its text, checked as
// CloudEvents 1.0 asks for it.
func SetAttribute(event *cloudevents.Event, name, value string) error {
	if err := errors.Join(short(name, name), short(name, value)); err != nil {
		return err
	}
	if strings.ContainsFunc(value, control) {
		return fmt.Errorf("attribute %.40q has control characters", name)
	}
	switch name {
	case "id":
		event.SetID(value)
	case "source":
		event.SetSource(value)
		if value != "" && event.Source() == "" {
			return errors.New("attribute source: expected a URI reference, such as /sales/loads")
		}
		return short(name, event.Source())
	case "type":
		event.SetType(value)
	case "subject":
		event.SetSubject(value)
	case "datacontenttype":
		event.SetDataContentType(value)
	case "dataschema":
		event.SetDataSchema(value)
		return short(name, event.DataSchema())
	case "time":
		t, ok := ParseTime(value)
		if !ok {
			return errors.New("attribute time: expected RFC 3339, such as 2026-11-23T16:00:00Z")
		}
		event.SetTime(t)
	case "data":
		return errors.New("no attribute may be named data")
	default:
		if err := event.Context.SetExtension(name, value); err != nil {
			return fmt.Errorf("attribute %.40q: expected a name of lower-case letters and digits", name)
		}
	}
	return nil
}

// short returns an error when an attribute is too long, as it was sent or as it is stored:
// what a URI has to escape makes it longer.
func short(name, value string) error {
	if len(value) > longestAttribute {
		return fmt.Errorf("attribute %.40q is longer than %d bytes", name, longestAttribute)
	}
	return nil
}

// ParseTime reads a time in RFC 3339 that can be written so in UTC too: the end of 9999
// west of Greenwich can not.
func ParseTime(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	year := t.UTC().Year()
	return t, err == nil && year >= 0 && year <= 9999
}

func control(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f || r == utf8.RuneError }

// setData sets the event's data as the JSON event format asks for it.
func setData(event *cloudevents.Event, data, encoded json.RawMessage) error {
	if data != nil && encoded != nil {
		return errors.New("an event has either data or data_base64, this one has both")
	}
	if encoded != nil && string(encoded) != "null" {
		var text string
		if err := json.Unmarshal(encoded, &text); err != nil {
			return errors.New("data_base64: expected a string")
		}
		raw, err := base64.StdEncoding.DecodeString(text)
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
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	event.DataEncoded = []byte(text)
	return nil
}

// isJSON reports whether a media type is JSON; none at all is, in CloudEvents.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}

// Validate says in one line what is wrong with an event, or nil.
func Validate(event cloudevents.Event) error {
	err := event.Validate()
	if err == nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	slices.Sort(lines)
	return fmt.Errorf("not a CloudEvent: %.300s", strings.Join(lines, "; "))
}
