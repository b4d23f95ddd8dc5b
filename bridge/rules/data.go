package rules

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"strconv"
	"strings"
)

// DecodeData reads a JSON body as CEL sees it in `data`: objects as
// map[string]any, lists as []any, whole numbers as int64, other numbers as
// float64. It returns nil when the body is not JSON.
//
// Senders often name another content type than JSON, so a body that is an
// object or a list is read whatever contentType says; a lone number or text
// only when contentType says JSON or nothing.
func DecodeData(contentType string, body []byte) any {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || !isJSON(contentType) && body[0] != '{' && body[0] != '[' {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil
	}
	return withNumbers(value)
}

// isJSON follows RFC 6839: application/json, text/json and everything +json.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	return media == "application/json" || media == "text/json" || strings.HasSuffix(media, "+json")
}

// withNumbers replaces every json.Number in value by int64 or float64, in place.
func withNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		for key, inner := range v {
			v[key] = withNumbers(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = withNumbers(inner)
		}
	}
	return value
}

// number reads a JSON number; one that no float64 can hold stays text.
func number(text string) any {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole
	}
	if fraction, err := strconv.ParseFloat(text, 64); err == nil {
		return fraction
	}
	return text
}
