package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Path begins the paths that Handler answers.
const Path = "/schemas/"

// Handler serves the JSON Schemas of events' data at the path of their $id, which is
// the dataschema of events, and the AsyncAPI document at /schemas/asyncapi.yaml. They
// hold nothing that is configured, so everybody may read and keep them.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, media := document(r.URL.Path)
		if text == nil {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "a schema is read with GET", http.StatusMethodNotAllowed)
			return
		}
		sum := sha256.Sum256(text)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		w.Header().Set("Cache-Control", "public, max-age=86400")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Type", media)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
}

// document returns what is at a path and its media type, nil when nothing is.
func document(path string) ([]byte, string) {
	if path == Path+"asyncapi.yaml" {
		return AsyncAPI(), "application/yaml"
	}
	for _, name := range Events() {
		if path == strings.TrimPrefix(EventID(name), site) {
			text, err := Event(name)
			if err != nil {
				return nil, ""
			}
			return text, "application/schema+json"
		}
	}
	return nil, ""
}
