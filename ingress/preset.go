package ingress

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A Preset is what the gateway knows of one kind of sender: how it proves
// itself, and how to read its body. Every list of templates holds alternatives,
// best first; the first whose values are all there is used.
type Preset struct {
	Name   string   // as written in the configuration
	Title  string   // as the vendor writes it
	Verify Verifier // unless the source says otherwise

	ID      []string // of the event, and what makes two deliveries one; none complete = every delivery is new
	Type    []string // CloudEvents attributes; none complete = as for any body
	Source  []string // values in it are escaped as parts of a path
	Subject []string
	Time    []string // RFC 3339

	CloudEvent bool   // the body is a CloudEvent, whatever its media type says; only the facts are read
	Qlik       bool   // the body is in one of Qlik's envelopes, and says who did it, which is not kept
	Reloads    bool   // run_id is the id of a reload that the sender says is over
	Events     string // whether CloudEvents are read as such: EventsOnly, EventsToo, or not
	Items      bool   // the body is an array, each item an event
	AnyBody    bool   // the body need not be a JSON object

	Outcome Verdict
	Job     []string // facts for rules
	JobID   []string
	RunID   []string

	Greetings []Greeting // deliveries that only try the connection
	Origins   []string   // that may ask whether events are welcome, by CloudEvents' OPTIONS

	Callbacks events.Callbacks // which addresses a body may ask to call back, without a word in the configuration

	Repeats string // how long the sender tries again when a delivery fails; "" = it does not say

	Config string   // the source's value in the configuration
	Setup  []string // what to do at the vendor, in three lines; {url} and {path} are the hook's
}

// Whether a preset reads CloudEvents.
const (
	EventsOnly = "only"
	EventsToo  = "too"
)

// A Verdict reads from one value of a body how the sender's job ended, in either
// case. Any other value, or none, is rules.OutcomeOther.
type Verdict struct {
	Of        []string // templates; none = the sender's events are no ends of jobs, and have no outcome
	Succeeded []string
	Failed    []string
	Optional  bool // a body without the key has no outcome, so that rules without `when` match it
}

// A reading is a preset with its templates parsed.
type reading struct {
	Preset
	fields    map[string][]template
	greetings []template // of Greetings
}

// reading parses the preset's templates; a mistake in one names its field.
func (p Preset) reading() (*reading, error) {
	r := &reading{Preset: p, fields: map[string][]template{}}
	texts := map[string][]string{
		"id": p.ID, "type": p.Type, "source": p.Source, "subject": p.Subject, "time": p.Time,
		"job": p.Job, "job_id": p.JobID, "run_id": p.RunID, "outcome": p.Outcome.Of,
	}
	for field, alternatives := range texts {
		for _, text := range alternatives {
			t, err := parseTemplate(text)
			if err != nil {
				return nil, fmt.Errorf("%s %q: %w", field, text, err)
			}
			if slices.ContainsFunc(t, func(p piece) bool { return p.raw }) {
				return nil, fmt.Errorf("%s %q: expected {body.path}, not the whole body", field, text)
			}
			r.fields[field] = append(r.fields[field], t)
		}
	}
	for _, greeting := range p.Greetings {
		t, err := parseTemplate(greeting.Of)
		if err != nil {
			return nil, fmt.Errorf("greeting %q: %w", greeting.Of, err)
		}
		r.greetings = append(r.greetings, t)
	}
	return r, nil
}

// first fills the first alternative of a field that is complete.
func (r *reading) first(field string, h http.Header, body *rules.Tree) string {
	for _, t := range r.fields[field] {
		var escape func(string) string
		switch {
		case field == "source":
			escape = url.PathEscape
		case field == "id" && len(t) > 1:
			escape = part
		}
		if text, ok := t.fill(h, body, escape); ok {
			return text
		}
	}
	return ""
}

// facts are what rules get to see of the body in words of our own.
func (r *reading) facts(h http.Header, body *rules.Tree) rules.Facts {
	return rules.Facts{
		Outcome: r.outcome(r.first("outcome", h, body), r.mentioned(body)),
		Job:     r.first("job", h, body),
		JobID:   r.first("job_id", h, body),
		RunID:   r.first("run_id", h, body),
	}
}

// outcome says what a value of the sender's means; mentioned tells none from one that
// was left empty.
func (r *reading) outcome(value string, mentioned bool) string {
	is := func(word string) bool { return strings.EqualFold(word, value) }
	switch verdict := r.Outcome; {
	case len(verdict.Of) == 0, value == "" && verdict.Optional && !mentioned:
		return ""
	case slices.ContainsFunc(verdict.Succeeded, is):
		return rules.OutcomeSucceeded
	case slices.ContainsFunc(verdict.Failed, is):
		return rules.OutcomeFailed
	}
	return rules.OutcomeOther
}

// moment returns when the sender says it happened, or when it arrived.
func (r *reading) moment(h http.Header, body *rules.Tree, arrived time.Time) time.Time {
	if t, ok := events.ParseTime(r.first("time", h, body)); ok {
		return t.UTC()
	}
	return arrived.UTC()
}

// readBody reads a body of which only what is looked at is to be read.
func readBody(body []byte) (*rules.Tree, error) {
	body = unmarked(body)
	if tooDeep(body) {
		return nil, fmt.Errorf("the body nests more than %d arrays and objects in each other", maxDepth)
	}
	if tree, ok := rules.ReadTree(body); ok {
		return tree, nil
	}
	_, err := decodeBody(body)
	return nil, cmp.Or(err, errNotJSON)
}

var errNotJSON = errors.New("the body is not JSON")

// decodeBody reads one JSON value with its numbers as they are written, so that
// no digit of an id is lost.
func decodeBody(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(unmarked(body)))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		if err == io.EOF {
			return nil, fmt.Errorf("the body is empty, expected JSON")
		}
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("the body has more after its JSON value, at byte %d", dec.InputOffset())
	}
	return value, nil
}
