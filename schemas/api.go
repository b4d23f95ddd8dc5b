package schemas

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed api.openapi.yaml
var api []byte

// API returns the OpenAPI 3.1 document of the gateway's own API, as JSON.
func API() ([]byte, error) {
	var document map[string]any
	if err := yaml.Unmarshal(api, &document); err != nil {
		return nil, fmt.Errorf("read the API's document: %w", err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode the API's document: %w", err)
	}
	return text, nil
}
