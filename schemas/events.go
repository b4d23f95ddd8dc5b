package schemas

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed events/*.json
var events embed.FS

// eventBase begins the $id of the JSON Schema of an event's data.
const (
	site      = "https://qlikgateway.io"
	eventBase = site + Path + "events/v1/"
)

// EventID returns the $id of a JSON Schema of Events, which is the CloudEvents
// attribute dataschema of the events it describes.
func EventID(name string) string { return eventBase + name + ".json" }

// Event returns the JSON Schema (2020-12) of that name, which describes the data
// of the events that carry its $id as their dataschema.
func Event(name string) ([]byte, error) {
	text, err := events.ReadFile("events/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("read schema of event data: %w", err)
	}
	return text, nil
}

// Events lists the names of the JSON Schemas of events' data, in order.
func Events() []string {
	files, err := fs.Glob(events, "events/*.json")
	if err != nil { // the pattern is well-formed
		panic(err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(file, "events/"), ".json")
	}
	return files
}
