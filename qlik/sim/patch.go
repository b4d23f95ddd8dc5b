package sim

import (
	"encoding/json"
	"fmt"
)

// readPatch reads a JSON Patch of a space: what to set its name, its owner and
// its description to. Later operations win over earlier ones. The live service
// takes replace only.
func readPatch(body []byte, replaceOnly bool) (spaceChange, error) {
	var patch []struct {
		Op    string
		Path  string
		Value json.RawMessage
	}
	var change spaceChange
	if err := json.Unmarshal(body, &patch); err != nil {
		return change, fmt.Errorf("expected a list of operations: %w", err)
	}
	for i, p := range patch {
		fields := map[string]**string{"/name": &change.Name, "/ownerId": &change.OwnerID, "/description": &change.Description}
		field, known := fields[p.Path]
		if !known {
			return change, fmt.Errorf("operation %d: path %q is not /name, /ownerId or /description", i, p.Path)
		}
		switch {
		case p.Op == "remove" && !replaceOnly && p.Path == "/description":
			*field = new("")
			continue
		case p.Op == "remove" && !replaceOnly:
			return change, fmt.Errorf("operation %d: %s can not be removed", i, p.Path)
		case p.Op != "replace" && (p.Op != "add" || replaceOnly):
			return change, fmt.Errorf("operation %d: op %q is not allowed", i, p.Op)
		}
		var value *string
		if err := json.Unmarshal(p.Value, &value); err != nil || value == nil {
			return change, fmt.Errorf("operation %d: the value is not a text", i)
		}
		*field = value
	}
	return change, nil
}
