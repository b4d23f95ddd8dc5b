package ingress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// The events by which Qlik says that a reload is over.
const (
	// TypeReloadFinished is the one event for each reload, once its outcome is known.
	TypeReloadFinished    = "com.qlik.v1.reload.finished"
	typeAppReloadFinished = "com.qlik.v1.app.reload.finished" // the engine is done; one for each attempt

	// TypeReloadListed is what the gateway says itself, with the data of
	// TypeReloadFinished, of a reload that Qlik lists and never told of.
	TypeReloadListed = events.TypePrefix + "reload.listed"
)

// legacyNames are what CloudEvents 0.1, which Qlik's older envelopes are written in,
// calls the attributes of 1.0. Hybrid envelopes have both.
func legacyNames() map[string]string {
	return map[string]string{
		"cloudEventsVersion": "specversion", "eventId": "id", "eventTime": "time", "eventType": "type", "contentType": "datacontenttype",
	}
}

// personal are attributes that say who did it, and from where. Nothing of the
// gateway needs them, so they are not kept.
func personal() []string { return []string{"authclaims", "originip", "sessionid"} }

const (
	lower = "abcdefghijklmnopqrstuvwxyz0123456789"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// madeOf reports whether a text has only these characters, and some of them.
func madeOf(text, characters string) bool { return text != "" && strings.Trim(text, characters) == "" }

// current reports whether an attribute is one of CloudEvents 1.0, or the data.
func current(name string) bool { return madeOf(name, lower+"_") }

// modern returns a Qlik event in whichever of Qlik's envelopes as a structured
// CloudEvent 1.0, without what is personal. One that is so already is returned as it
// came.
func modern(body []byte) ([]byte, error) {
	var fields, extensions map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("the event is not a JSON object: %w", err)
	}
	_ = json.Unmarshal(fields["extensions"], &extensions) // else it has none
	if !dated(fields) && !dated(extensions) {
		return body, nil
	}
	event := map[string]json.RawMessage{}
	for name, value := range extensions {
		event[strings.ToLower(name)] = value
	}
	for old, name := range legacyNames() {
		if value, there := fields[old]; there {
			event[name] = value
		}
	}
	if _, there := fields["cloudEventsVersion"]; there {
		event["specversion"] = json.RawMessage(`"1.0"`)
	}
	for name, value := range fields {
		if name != "extensions" {
			event[name] = value
		}
	}
	for name := range event {
		if !current(name) || slices.Contains(personal(), name) {
			delete(event, name)
		}
	}
	return json.Marshal(event)
}

// dated reports whether attributes have names of an older envelope, or are personal.
func dated(attributes map[string]json.RawMessage) bool {
	for name := range attributes {
		if name != "extensions" && (!current(name) || slices.Contains(personal(), name)) {
			return true
		}
	}
	return false
}

// longestID bounds the ids of reloads, which become part of addresses.
const longestID = 64

// finished returns the id of the reload that a Qlik event says is over, if it looks
// like one.
func (s *source) finished(a events.Arrival) (id string, ok bool) {
	if s.reading == nil || !s.reading.Reloads || s.tenant == "" {
		return "", false
	}
	known := []string{TypeReloadFinished, typeAppReloadFinished, TypeReloadListed}
	return a.Facts.RunID, slices.Contains(known, a.Event.Type()) && len(a.Facts.RunID) <= longestID && madeOf(a.Facts.RunID, lower+upper+"-")
}

// push tells who watches reloads which of them Qlik says are over. It does not wait
// for the journal, and is only a hint: whoever hears it asks Qlik.
func (in *Ingress) push(s *source, arrivals []events.Arrival) {
	if in.config.Push == nil {
		return
	}
	for _, a := range arrivals {
		if id, ok := s.finished(a); ok {
			in.config.Push(s.tenant, id)
		}
	}
}

// foreigner is what an event asks for besides what the rules say: to tell the end of
// a reload that nobody of ours started.
func (s *source) foreigner(a events.Arrival) []rules.Match {
	if s == nil || !s.foreign {
		return nil
	}
	if _, ok := s.finished(a); !ok {
		return nil
	}
	return []rules.Match{{Tenant: s.tenant, Rule: rules.ForeignRule}}
}
