package ingress

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// longestSubject is how many bytes an attribute may have, as events has it.
const longestSubject = 2048

// Bodies that people write themselves, for the presets generic, airflow and
// azure-data-factory: what is read in them has to survive how people write.

// written is the verdict for such bodies.
func written() Verdict {
	return Verdict{
		Of:        []string{"{body.outcome}", "{body.status}", "{body.state}"},
		Succeeded: []string{"succeeded", "success", "successful", "complete", "completed", "ok", "true"},
		Failed:    []string{"failed", "failure", "fail", "error", "errored", "aborted", "canceled", "cancelled", "false"},
		Optional:  true,
	}
}

// writtenID tells deliveries of such bodies apart. A run without an outcome may be
// told of more than once, so only the same words about it are one delivery.
func writtenID() []string {
	return []string{
		"{header.Webhook-Id}", "{header.Idempotency-Key}",
		"{body.job_id|job}/{body.run_id}/{body.outcome|status|state}", "{body.run_id}/{body.outcome|status|state}", "{body.run_id}/{digest}",
	}
}

// unmarked returns a body without the byte order mark that Windows' programs put
// before JSON.
func unmarked(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\ufeff")) }

// attempted reports whether a body begins as a JSON object or array does: one that
// then cannot be read may say that a job failed, so it is not taken for a body that
// says nothing.
func attempted(body []byte) bool {
	start := bytes.TrimLeft(body, " \t\r\n")
	return len(start) > 0 && (start[0] == '{' || start[0] == '[')
}

// form returns the JSON object that the fields of a form make: `curl -d
// outcome=failed` sends one. It is nil when the body is none.
func form(contentType string, body []byte) (object []byte) {
	media, _, _ := mime.ParseMediaType(contentType)
	values, err := url.ParseQuery(string(body))
	if media != "application/x-www-form-urlencoded" || err != nil || !bytes.ContainsRune(body, '=') {
		return nil
	}
	all := map[string]any{}
	for name := range values {
		all[name] = values.Get(name)
	}
	if object, err = json.Marshal(all); err != nil {
		return nil
	}
	return object
}

// mentioned reports whether a body has a key that the outcome is read from, whatever
// its value: a template that was filled with nothing is no success.
func (r *reading) mentioned(body *rules.Tree) bool {
	for _, t := range r.fields["outcome"] {
		for _, p := range t {
			last := len(p.path) - 1
			if last < 0 {
				continue
			}
			if parent := dig(body, p.path[:last]); parent != nil && parent.Raw()[0] == '{' && parent.At(p.path[last]) != nil {
				return true
			}
		}
	}
	return false
}

// fit makes a value of somebody's body one that a subject may be: what an attribute
// cannot have is no reason to refuse what was said.
func fit(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	return strings.ToValidUTF8(text[:min(len(text), longestSubject)], "")
}
