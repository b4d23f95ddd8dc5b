package ingress

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// EventsSource is the name of the source behind POST /events.
const EventsSource = "events"

// RunsSource is the name of the source behind POST /v1/runs and qlik.run.<tenant>:
// its events ask for runs themselves, without a rule.
const RunsSource = "runs"

const shortSecret = 16 // characters; shorter secrets are worth a warning

// A Source says who may send events, and how they prove it.
type Source struct {
	Name    string
	Preset  string   // name of a preset; "" = CloudEvents, or any body
	Verify  Verifier // empty = the preset's
	Secrets []string // every one is live
	NATS    *Subject // nil = HTTP only
	Origins []string // that may subscribe it to their events; none = the preset's
	Rate    Rate     // of proven deliveries; zero = any
	Tenant  string   // whose reloads its events are about, where the preset is of Qlik's own
	Foreign bool     // ends of reloads that the gateway did not start are told

	// Callbacks are added to those of the preset; their field and mode are the preset's.
	Callbacks events.Callbacks
}

// A Rate is how many deliveries are taken in any span of Per.
type Rate struct {
	Count int
	Per   time.Duration
}

// Sources are the configured sources, ready for use.
type Sources struct {
	byName map[string]*source
}

// source is a Source with everything parsed.
type source struct {
	name    string
	proof   proof // nil = not reachable over HTTP
	preset  string
	tenant  string
	foreign bool
	reading *reading // nil = no preset
	nats    *Subject
	origins []string
	rate    Rate
	limiter *rate.Limiter // nil = any rate; kept across configurations that have the same
	held    *atomic.Int64 // bytes of HTTP deliveries that were read and not yet answered
	topics  bool          // its proof covers the topic of Amazon SNS

	callbacks events.Callbacks
}

// Compile understands the configured sources. It reports every mistake at once;
// Sources are nil when one of them is more than a warning.
func Compile(definitions []Source) (*Sources, []rules.Problem) {
	c := compiler{sources: &Sources{byName: map[string]*source{}}}
	for _, definition := range definitions {
		c.add(definition)
	}
	c.overlaps()
	if slices.ContainsFunc(c.problems, func(p rules.Problem) bool { return !p.Warning }) {
		return nil, c.problems
	}
	return c.sources, c.problems
}

// compiler gathers sources and what is wrong with them.
type compiler struct {
	sources  *Sources
	problems []rules.Problem
}

func (c *compiler) report(warning bool, text string, path ...string) {
	c.problems = append(c.problems, rules.Problem{Path: append([]string{"sources"}, path...), Text: text, Warning: warning})
}

func (c *compiler) add(d Source) {
	s := &source{
		name: d.Name, preset: d.Preset, tenant: d.Tenant, foreign: d.Foreign, origins: d.Origins, rate: d.Rate, held: &atomic.Int64{},
		callbacks: d.Callbacks,
	}
	if d.Rate.Count > 0 && d.Rate.Per > 0 {
		s.limiter = d.Rate.limiter()
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(d.Name) {
		c.report(false, "expected a name of lower-case letters, digits, - and _, at most 63", d.Name)
	}
	if d.Name == rules.OwnSource {
		c.report(false, "this name stands for the gateway's own outcomes, expected another", d.Name)
	}
	if _, twice := c.sources.byName[d.Name]; twice {
		c.report(false, "this name is taken by another source", d.Name)
	}
	if verify, ok := c.addPreset(s, d); ok {
		c.addProof(s, d, verify)
	}
	c.addSubject(s, d)
	c.sources.byName[d.Name] = s
}

// addPreset sets the preset and returns the verifier that holds for the source.
// It is false when there is no such preset.
func (c *compiler) addPreset(s *source, d Source) (Verifier, bool) {
	if d.Preset == "" {
		return d.Verify, true
	}
	preset, ok := LookupPreset(d.Preset)
	if !ok {
		var names []string
		for _, p := range Presets() {
			names = append(names, p.Name)
		}
		c.report(false, fmt.Sprintf("expected one of %s, got %q", strings.Join(names, ", "), d.Preset), d.Name, "preset")
		return Verifier{}, false
	}
	var err error
	if s.reading, err = preset.reading(); err != nil {
		c.report(false, err.Error(), d.Name, "preset")
	}
	if len(s.origins) == 0 {
		s.origins = preset.Origins
	}
	s.callbacks.Field, s.callbacks.Mode = preset.Callbacks.Field, preset.Callbacks.Mode
	s.callbacks.Hosts = slices.Concat(preset.Callbacks.Hosts, s.callbacks.Hosts)
	switch {
	case d.Verify.given():
		return preset.Verify.with(d.Verify), true
	case d.NATS != nil && len(d.Secrets) == 0: // without a secret, only over NATS
		return Verifier{}, true
	}
	return preset.Verify, true
}

// with returns what a source says over its preset: where both speak of a JSON Web
// Token, the preset's issuer and claims stay.
func (v Verifier) with(own Verifier) Verifier {
	if v.JWT == nil || own.JWT == nil {
		return own
	}
	merged := *v.JWT
	merged.Issuer = cmp.Or(own.JWT.Issuer, merged.Issuer)
	merged.JWKS, merged.Audience = cmp.Or(own.JWT.JWKS, merged.JWKS), own.JWT.Audience
	merged.Claims = maps.Clone(v.JWT.Claims)
	if merged.Claims == nil {
		merged.Claims = map[string][]string{}
	}
	maps.Copy(merged.Claims, own.JWT.Claims)
	if own.JWT.Issuer != "" { // another issuer is another's rules
		merged.Claims, merged.Needs = own.JWT.Claims, nil
	}
	return Verifier{JWT: &merged}
}

func (c *compiler) addProof(s *source, d Source, verify Verifier) {
	if !verify.given() {
		if d.NATS == nil {
			c.report(false, "expected how the sender proves itself: preset and secret, verify and secret, or nats", d.Name)
		} else if len(d.Secrets) > 0 {
			c.report(false, "this secret proves nothing: add verify, or remove it", d.Name, "secret")
		}
		return
	}
	p, err := verify.proof(d.Secrets)
	if err != nil {
		path := []string{d.Name}
		if d.Verify.given() && !errors.Is(err, errNoSecret) {
			path = append(path, "verify")
		}
		c.report(false, err.Error(), path...)
		return
	}
	s.proof, s.topics = p, verify.signedBySNS()
	if verify.lets() {
		c.report(true, "anybody who reaches this address may send events", d.Name, "verify")
		if len(d.Secrets) > 0 {
			c.report(false, "this secret proves nothing under verify: none", d.Name, "secret")
		}
		return
	}
	if len(d.Secrets) > 0 && !verify.needsSecret() {
		c.report(false, "this secret proves nothing: the sender proves itself in another way", d.Name, "secret")
	}
	for _, secret := range verify.secrets(d.Secrets) {
		if len(secret) < shortSecret {
			c.report(true, fmt.Sprintf("a secret is shorter than %d characters: it can be guessed", shortSecret), d.Name, "secret")
		}
	}
}

func (c *compiler) addSubject(s *source, d Source) {
	if d.NATS == nil {
		return
	}
	subject := *d.NATS
	switch {
	case subject.Stream == "" && subject.Durable != "":
		c.report(false, "a durable consumer needs the stream that it reads", d.Name, "nats", "durable")
	case subject.Stream != "" && subject.Queue != "":
		c.report(false, "a stream is shared by its durable consumer and not by a queue group", d.Name, "nats", "queue")
	case strings.ContainsAny(subject.Stream, " .*>/\\\t\r\n"):
		c.report(false, "expected the name of a stream", d.Name, "nats", "stream")
	}
	if subject.Stream != "" && subject.Durable == "" {
		subject.Durable = "gateway_" + d.Name
	}
	if subject.Queue == "" {
		subject.Queue = "gateway." + d.Name
	}
	if err := checkSubject(subject.Subject); err != nil {
		c.report(false, err.Error(), d.Name, "nats", "subject")
	}
	if strings.ContainsAny(subject.Queue, " \t\r\n") {
		c.report(false, "expected a queue group without spaces", d.Name, "nats", "queue")
	}
	s.nats = &subject
}
