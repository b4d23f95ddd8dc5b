// Package schemas promises: the configuration, the API, the events and Qlik's
// operations as documents, which are served, printed and held against the code.
package schemas

import _ "embed"

//go:embed config.schema.json
var config []byte

// Config is the JSON Schema (draft 2020-12) of the gateway's configuration file.
func Config() []byte { return config }
