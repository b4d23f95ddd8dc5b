package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// maxPayload bounds a payload that somebody tries on the rules.
const maxPayload = 1 << 20

// A rulesView is what the page of rules shows.
type rulesView struct {
	Revision uint64
	Rules    []ruleView
	Sources  []Source
	Try      Try
	Tried    *Trial
	Wrong    string // what is wrong with what was tried
}

// A ruleView is one rule.
type ruleView struct {
	rules.Definition
	Steps  []string
	Latest []runRow
}

func (c *Console) rulesPage(g *gin.Context) {
	setup, now := c.Setup(), time.Now()
	view := rulesView{Revision: setup.Revision, Sources: setup.Sources}
	for _, definition := range setup.Rules {
		shown := ruleView{Definition: definition}
		for _, step := range slices.Concat(definition.Do, definition.OnFailure, definition.Always) {
			words := step.Action
			if step.As != "" {
				words += " as " + step.As
			}
			shown.Steps = append(shown.Steps, words)
		}
		shown.Latest = c.rows(g.Request.Context(), now, c.index.List(bridge.RunQuery{Rule: definition.Name, Limit: 1}))
		view.Rules = append(view.Rules, shown)
	}
	if g.Request.Method == http.MethodPost {
		g.Request.Body = http.MaxBytesReader(g.Writer, g.Request.Body, maxPayload)
		view.Try = Try{Source: g.PostForm("source"), Type: g.PostForm("type"), Outcome: g.PostForm("outcome"), Job: g.PostForm("job"), Data: json.RawMessage(strings.TrimSpace(g.PostForm("data")))}
		trial, err := setup.try(view.Try)
		if err != nil {
			view.Wrong = err.Error()
		} else {
			view.Tried = &trial
		}
	}
	c.show(g, page{Title: "Rules", At: "/rules", Own: view.own})
}

// A Try is an event that somebody tries on the rules. Nothing is done.
type Try struct {
	Source  string          `json:"source"`            // configured name
	Type    string          `json:"type,omitempty"`    // CloudEvents attribute
	Subject string          `json:"subject,omitempty"` // CloudEvents attribute
	Outcome string          `json:"outcome,omitempty"` // as a preset would normalise it: succeeded, failed or other
	Job     string          `json:"job,omitempty"`     // as a preset would normalise it
	Data    json.RawMessage `json:"data,omitempty"`    // the body
}

// A Trial says what the rules make of an event.
type Trial struct {
	Matches []Planned `json:"matches"`
	Missing []Noted   `json:"missing"` // rules that read what the event does not have
	Errors  []Noted   `json:"errors"`  // rules that failed
	Others  []string  `json:"others"`  // rules that looked at it and did not match
}

// A Planned is a rule that matched, with what it would do.
type Planned struct {
	Rule   string       `json:"rule"`
	Tenant string       `json:"tenant"`
	Steps  []rules.Step `json:"steps,omitempty"`
	Error  string       `json:"error,omitempty"` // why it cannot be planned
}

// A Noted is a rule with a remark.
type Noted struct {
	Rule string `json:"rule"`
	Text string `json:"text"`
}

// try asks the rules in force what they would do. It has no effect.
func (s *Setup) try(t Try) (Trial, error) {
	if !slices.ContainsFunc(s.Sources, func(source Source) bool { return source.Name == t.Source }) {
		return Trial{}, errors.New("source: expected the name of a configured source")
	}
	if len(t.Data) > 0 && !json.Valid(t.Data) {
		return Trial{}, errors.New("data: expected JSON")
	}
	event := rules.Event{
		ID: "try", Source: "/console", Type: t.Type, Subject: t.Subject, Time: time.Now(), GatewaySource: t.Source,
		Facts: rules.Facts{Outcome: t.Outcome, Job: t.Job},
	}
	if len(t.Data) > 0 {
		event.Data = rules.DecodeData("application/json", t.Data)
	}
	return s.judge(event), nil
}

// judge says what the rules in force make of an event.
func (s *Setup) judge(event rules.Event) Trial {
	trial := Trial{Matches: []Planned{}, Missing: []Noted{}, Errors: []Noted{}, Others: []string{}}
	routing := s.Set.Route(event)
	named := map[string]bool{}
	for _, match := range routing.Matches {
		planned := Planned{Rule: match.Rule, Tenant: match.Tenant}
		if plan, err := s.Set.Plan(match.Rule, event); err != nil {
			planned.Error = err.Error()
		} else {
			planned.Steps = plan.Steps
		}
		trial.Matches, named[match.Rule] = append(trial.Matches, planned), true
	}
	for _, note := range routing.Missing {
		trial.Missing, named[note.Rule] = append(trial.Missing, Noted(note)), true
	}
	for _, note := range routing.Errors {
		trial.Errors, named[note.Rule] = append(trial.Errors, Noted(note)), true
	}
	for _, rule := range s.Rules {
		if slices.Contains(rule.On.Names(), event.GatewaySource) && !named[rule.Name] {
			trial.Others = append(trial.Others, rule.Name)
		}
	}
	return trial
}

// A SourceStatus is a source and what came through it.
type SourceStatus struct {
	Source
	Taken   int            `json:"taken"`                  // deliveries since the gateway started
	Refused map[string]int `json:"refused"`                // deliveries, by why they were not taken
	Newest  time.Time      `json:"last_delivery,omitzero"` // taken or refused
}

// sources counts each source's deliveries.
func (c *Console) sources() []SourceStatus {
	setup := c.Setup()
	list := make([]SourceStatus, len(setup.Sources))
	at := map[string]int{}
	for i, source := range setup.Sources {
		list[i], at[source.Name] = SourceStatus{Source: source, Refused: map[string]int{}}, i
	}
	taken := []ingress.Result{ingress.Accepted, ingress.Unmatched, ingress.Duplicate, ingress.Greeted, ingress.Finished}
	families, err := c.Metrics.Gather()
	if err != nil {
		c.Log.Warn().Err(err).Msg("console: metrics are incomplete")
	}
	for _, family := range families {
		if family.GetName() == "qlik_gateway_ingress_last_delivery_timestamp_seconds" {
			for _, metric := range family.GetMetric() {
				if i, known := at[metric.GetLabel()[0].GetValue()]; known {
					list[i].Newest = time.UnixMilli(int64(metric.GetGauge().GetValue() * 1000)).UTC()
				}
			}
		}
		if family.GetName() != "qlik_gateway_ingress_requests_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			i, known := at[labels["source"]]
			n := int(metric.GetCounter().GetValue())
			switch {
			case !known:
			case slices.Contains(taken, ingress.Result(labels["result"])):
				list[i].Taken += n
			default:
				list[i].Refused[labels["result"]] += n
			}
		}
	}
	return list
}

func (c *Console) sourcesPage(g *gin.Context) {
	sources := c.sources()
	c.show(g, page{Title: "Sources", At: "/sources", Live: true, Own: func(page) templ.Component { return sourceCards(sources) }})
}

func (c *Console) tenantsPage(g *gin.Context) {
	now := time.Now()
	view := tenantsView{Pausable: c.Setup().pausable(), Spans: pauseSpans()}
	for _, tenant := range c.Setup().Tenants {
		view.Tenants = append(view.Tenants, c.tenantView(g, tenant, now))
	}
	c.show(g, page{Title: "Tenants", At: "/tenants", Live: true, Lead: view.lead, Own: view.own})
}

// shortTypes lists the types of outcomes without what all of them begin with.
func shortTypes() []string {
	types := []string{}
	for _, kind := range events.Catalog() {
		types = append(types, strings.TrimPrefix(kind.Type, events.TypePrefix))
	}
	return types
}
