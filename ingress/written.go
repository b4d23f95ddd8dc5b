package ingress

import (
	"bytes"
	"encoding/json"
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

// attempted reports whether a body begins as a JSON object or array does, be it within
// quotes that a shell left there or in UTF-16: one that then cannot be read may say that
// a job failed, so it is not taken for a body that says nothing.
func attempted(body []byte) bool {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		body = bytes.TrimPrefix(body, []byte(mark))
	}
	start := bytes.TrimLeft(body, " \t\r\n\x00'\"")
	return len(start) > 0 && (start[0] == '{' || start[0] == '[')
}

// maxFields is how many fields a form may have.
const maxFields = 1000

const mediaForm = "application/x-www-form-urlencoded"

// object returns the JSON that a body stands for, which read was made of and found to be
// none or a text: the fields of a form, as `curl -d outcome=failed` sends it, or JSON that
// was encoded twice. Another body is returned as it came.
func (r *reading) object(contentType string, body []byte, read *rules.Tree) ([]byte, error) {
	media, _ := media(contentType)
	if text, ok := rules.Text(read.Raw()); ok && len(r.Outcome.Of) > 0 && attempted([]byte(text)) {
		return []byte(text), nil
	}
	switch {
	case read != nil, attempted(body):
	case len(r.Outcome.Of) > 0 && strings.HasPrefix(media, "multipart/"):
		return nil, refusef(Unsupported, "Content-Type %.40q is not read: send JSON, or a form as %s", media, mediaForm)
	case media == mediaForm && bytes.ContainsRune(body, '='):
		return form(body)
	}
	return body, nil
}

// form returns the object that the fields of a form make, the last of those of one name.
// What is not escaped as it should be is taken as it is: it may stand beside an outcome.
func form(body []byte) ([]byte, error) {
	all := map[string]string{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if all[unescaped(name)] = unescaped(value); len(all) > maxFields {
			return nil, refusef(Malformed, "the form has more than %d fields", maxFields)
		}
	}
	return json.Marshal(all)
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return strings.ReplaceAll(text, "+", " ")
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
