package ingress

import (
	"crypto/rand"
	"embed"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

//go:embed samples/*.json
var samples embed.FS

// Generate returns a delivery as the preset's sender makes it when a job ended as
// outcome says (rules.OutcomeSucceeded or OutcomeFailed, where the sender knows
// it), unsigned and with ids of its own.
func (p Preset) Generate(outcome string, now time.Time) (http.Header, []byte, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000))
	if err != nil {
		return nil, nil, fmt.Errorf("generate %s: %w", p.Name, err)
	}
	return p.sample(outcome, rand.Text(), fmt.Sprint(n.Int64()+100_000_000), now)
}

func (p Preset) sample(outcome, id, number string, now time.Time) (http.Header, []byte, error) {
	text, err := samples.ReadFile("samples/" + p.Name + ".json")
	if err != nil {
		return nil, nil, fmt.Errorf("generate %s: %w", p.Name, err)
	}
	words := p.Outcome.Succeeded
	if outcome == rules.OutcomeFailed {
		words = p.Outcome.Failed
	}
	word := ""
	if len(words) > 0 {
		word = words[0]
	}
	body := strings.NewReplacer(
		"{{id}}", id, "{{number}}", number, "{{time}}", now.UTC().Format("2006-01-02T15:04:05.000Z"), "{{outcome}}", word,
	).Replace(strings.TrimSpace(string(text)))
	h := http.Header{"Content-Type": {"application/json"}}
	switch p.Name {
	case "github":
		h.Set("X-GitHub-Event", "workflow_run")
		h.Set("X-GitHub-Delivery", id)
	case "gitlab":
		h.Set("X-Gitlab-Event", "Pipeline Hook")
		h.Set("Idempotency-Key", id)
	case "cloudevents":
		h.Set("Content-Type", "application/cloudevents+json")
	case "aws-sns":
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		h.Set("x-amz-sns-message-type", "Notification")
	}
	return h, []byte(body), nil
}

// proven returns the names of the sources that take deliveries over HTTP.
func (s *Sources) proven() []string {
	var names []string
	for name, source := range s.byName {
		if source.proof != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Prove adds to a request what the sender of a configured source would add: the
// signature, the token or the parameter that its verifier asks for. It fails where
// only somebody else can prove, such as Amazon SNS.
func (s *Sources) Prove(name string, r *http.Request, body []byte, now time.Time) error {
	source := s.byName[name]
	if source == nil || source.proof == nil {
		return fmt.Errorf("no source %q takes deliveries over HTTP; those that do: %s", name, strings.Join(s.proven(), ", "))
	}
	query := r.URL.Query()
	if query == nil {
		query = url.Values{}
	}
	if err := source.proof.sign(&evidence{header: r.Header, query: query, body: body, now: now}); err != nil {
		return fmt.Errorf("prove source %s: %w", name, err)
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

// PresetOf returns the name of a configured source's preset; "" = none.
func (s *Sources) PresetOf(name string) string {
	if source := s.byName[name]; source != nil {
		return source.preset
	}
	return ""
}
