package rules

import (
	"strings"
	"testing"
	"time"
)

func TestPredicateSeesAnOutcomeAsItIsTold(t *testing.T) {
	t.Parallel()
	event := Event{
		ID: "r1", Type: "io.qlikgateway.v1.reload.failed", Time: time.Now(), Extensions: map[string]string{"tenant": "acme", "rule": "refresh"},
		Data: map[string]any{"app": map[string]any{"name": "Sales"}, "attempts": int64(3)},
	}
	for when, want := range map[string]bool{
		`type.endsWith(".failed")`:                  true,
		`tenant == "acme" && rule == "refresh"`:     true,
		`rule == "other"`:                           false,
		`data.app.name == "Sales"`:                  true,
		`data.attempts > 3`:                         false,
		`data.reason == "deadline"`:                 false, // it has none
		`extensions.tenant in ["acme", "beta"]`:     true,
		`has(data.reason) || data.app.name == "No"`: false,
	} {
		p, err := NewPredicate(when)
		if err != nil {
			t.Errorf("%s: %v", when, err)
			continue
		}
		if got, err := p.Match(event); got != want || err != nil {
			t.Errorf("%s: %t, %v", when, got, err)
		}
	}
}

func TestPredicateThatCannotDecideIsRefused(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`typ == "x"`:             "did you mean",
		`"text"`:                 "true or false",
		`steps.reload.ok == "x"`: "steps",
		`type ==`:                "",
	} {
		if _, err := NewPredicate(when); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", when, err)
		}
	}
	p, err := NewPredicate(`data.n`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Match(Event{Data: map[string]any{"n": "no bool"}}); err == nil {
		t.Error("text was taken for true or false")
	}
}
