package schemas

import _ "embed"

//go:embed asyncapi.yaml
var asyncAPI []byte

// AsyncAPI is the AsyncAPI 3.0 document of the events that the gateway publishes, as
// YAML. It is made from events.Catalog and refers to the JSON Schemas of Events.
func AsyncAPI() []byte { return asyncAPI }
