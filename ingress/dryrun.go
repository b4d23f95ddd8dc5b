package ingress

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/events"
)

// headerDryRun asks what a delivery would do. It is proven like any other; nothing is
// stored or started.
const headerDryRun = "Gateway-Dry-Run"

// A dryRun is the answer to a delivery that was only tried.
type dryRun struct {
	DryRun bool    `json:"dry_run"`
	Events []trial `json:"events"`
}

// A trial says what an event would have matched.
type trial struct {
	Source  string   `json:"source"`
	Type    string   `json:"type"`
	Matches []string `json:"matches"`
	Notes   []string `json:"notes,omitempty"` // rules that could not judge it, and why
}

// try says which rules proven events match.
func (in *Ingress) try(live *Live, s *source, arrivals []events.Arrival) (dryRun, error) {
	tried := dryRun{DryRun: true, Events: []trial{}}
	if err := s.limited(time.Now()); err != nil {
		return tried, err
	}
	if err := permitted(live, arrivals); err != nil {
		return tried, err
	}
	for _, a := range arrivals {
		one := trial{Source: a.Source, Type: a.Event.Type(), Matches: []string{}}
		if a.Source != RunsSource {
			routing := live.Rules.Route(a.View())
			one.Matches = rulesOf(routing.Matches)
			for _, note := range slices.Concat(routing.Missing, routing.Errors) {
				one.Notes = append(one.Notes, note.Rule+": "+note.Text)
			}
		}
		tried.Events = append(tried.Events, one)
	}
	return tried, nil
}
