package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/qlikgateway/gateway/qlik"
)

// decode reads the body of a request, or says what is wrong with it.
func (t *Tenant) decode(r *request, into any) (answer, bool) {
	if err := json.Unmarshal(r.body, into); err != nil {
		return t.fail(http.StatusBadRequest, "", fmt.Sprintf("The body is not valid: %v.", err)), false
	}
	return answer{}, true
}

// decodeApp reads the body of a request about an app, which the live service
// wants in an envelope. An optional body may be missing.
func (t *Tenant) decodeApp(r *request, into any) (answer, bool) {
	if len(r.body) == 0 && r.op.ID == "copyApp" {
		return answer{}, true
	}
	if t.cfg.Dialect != qlik.Cloud {
		return t.decode(r, into)
	}
	return t.decode(r, &struct {
		Attributes any `json:"attributes"`
	}{into})
}

// badName says what is wrong with a name.
func badName(name string) string {
	if name == "" {
		return "name is required."
	}
	if n := utf8.RuneCountInString(name); n > 256 {
		return fmt.Sprintf("name has %d characters, at most 256 are allowed.", n)
	}
	return ""
}
