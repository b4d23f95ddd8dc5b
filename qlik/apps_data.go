package qlik

import (
	"context"
	"encoding/json"
	"strings"
)

// AppDataMetadata is what an app's data consists of.
type AppDataMetadata struct {
	Fields     []DataField `json:"fields"`
	Tables     []DataTable `json:"tables"`
	ReloadMeta ReloadMeta  `json:"reloadMeta"`
}

// A DataField is one field of an app's data.
type DataField struct {
	Name     string   `json:"name"`
	Tags     []string `json:"tags"`
	IsSystem bool     `json:"isSystem"`
}

// A DataTable is one table of an app's data.
type DataTable struct {
	Name          string `json:"name"`
	NoOfRows      int64  `json:"noOfRows"`
	NoOfFields    int64  `json:"noOfFields"`
	NoOfKeyFields int64  `json:"noOfKeyFields"`
	ByteSize      int64  `json:"byteSize"`
}

// ReloadMeta is what the last reload of an app cost.
type ReloadMeta struct {
	CPUTimeSpentMs  int64 `json:"cpuTimeSpentMs"`
	PeakMemoryBytes int64 `json:"peakMemoryBytes"`
}

// UnmarshalJSON reads the metadata in either dialect: the live service writes
// no_of_rows where the document writes noOfRows.
func (m *AppDataMetadata) UnmarshalJSON(b []byte) error {
	var wire any
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	b, err := json.Marshal(withoutUnderscores(wire))
	if err != nil {
		return err
	}
	type plain AppDataMetadata
	return json.Unmarshal(b, (*plain)(m)) // which does not tell upper from lower case in keys
}

// withoutUnderscores takes the underscores out of all keys.
func withoutUnderscores(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[strings.ReplaceAll(key, "_", "")] = withoutUnderscores(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = withoutUnderscores(v[i])
		}
	}
	return v
}

// GetAppDataMetadata tells what an app's data consists of, and what its last
// reload cost.
func (c *Client) GetAppDataMetadata(ctx context.Context, appID string) (AppDataMetadata, error) {
	var out AppDataMetadata
	err := c.do(ctx, call{op: "getAppDataMetadata", path: []string{appID}}, &out)
	return out, err
}

// AppDataLineage is one source of an app's data.
type AppDataLineage struct {
	Discriminator string `json:"discriminator"` // what the source is
	Statement     string `json:"statement"`     // what loads from it
}

// GetAppDataLineage tells where an app's data comes from.
func (c *Client) GetAppDataLineage(ctx context.Context, appID string) ([]AppDataLineage, error) {
	var out array[AppDataLineage]
	err := c.do(ctx, call{op: "getAppDataLineage", path: []string{appID}}, &out)
	return out, err
}
