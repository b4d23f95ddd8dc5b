package ingress

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/events"
)

// The CloudEvents SDK's own readers are not used for what strangers send: they
// panic on a header named just `Ce-`, do not decode percent-encoded values, and
// let wrong events of a batch and junk behind it pass.

const maxBatch = 500 // events of one batch

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
	read := make([]cloudevents.Event, 0, len(raws))
	var wrong []error
	for i, raw := range raws {
		event, err := events.DecodeStructured(raw)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("event %d: %w", i, err))
		}
		read = append(read, event)
	}
	if len(wrong) == 0 {
		return read, raws, nil
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
	if err := events.CheckVersion(version); err != nil {
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
		if err := events.SetAttribute(&event, name, value); err != nil {
			return event, err
		}
	}
	if media := h.Get("Content-Type"); media != "" {
		event.SetDataContentType(media)
	}
	event.DataEncoded = body
	return event, events.Validate(event)
}

// media returns the media type that was declared, without parameters.
func media(declared string) (string, error) {
	if declared == "application/json" || declared == events.MediaEvent {
		return declared, nil
	}
	media, _, err := mime.ParseMediaType(declared)
	return media, err
}

// isJSON reports whether a declared media type is JSON.
func isJSON(contentType string) bool {
	media, err := media(contentType)
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}
