package bridge

import (
	"maps"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// An AppRecord is what the ledger keeps of an app beyond its runs: it is written
// together with the end of each run that reloaded the app.
type AppRecord struct {
	Schema int     `json:"schema,omitempty"`    // of the record, once it is written
	App    string  `json:"app"`                 // "" = all apps of the tenant, of which only Told is kept
	Took   []int64 `json:"took_ms,omitempty"`   // how long its newest reloads took, from queued to ended
	Starts []int64 `json:"starts_ms,omitempty"` // when its reloads of the last day were started, Unix time; the newest MostDaily
	Told   int     `json:"told,omitempty"`      // of its daily budget: 1 warned, 2 exhausted
	Name   string  `json:"name,omitempty"`      // what Qlik calls it, "" = not known
	Space  string  `json:"space,omitempty"`     // where it is; "" = in nobody's, if its name is known
	Read   int64   `json:"read_ms,omitempty"`   // when Qlik said so, Unix time

	tried time.Time // when Qlik was asked what it is called, and did not say
}

// learnFrom is how many reloads of an app say how long they usually take.
const learnFrom = 5

// about returns what is known of an app.
func (s *Scheduler) about(id string) *AppRecord {
	if s.apps[id] == nil {
		s.apps[id] = &AppRecord{App: id}
	}
	return s.apps[id]
}

// recallApps takes in the records of the ledger.
func (s *Scheduler) recallApps(held []AppRecord) {
	for _, record := range held {
		known := s.about(record.App)
		known.Took, known.Told = slices.Clone(record.Took), record.Told
		known.Name, known.Space, known.Read = record.Name, record.Space, record.Read
		for _, at := range record.Starts {
			s.countStart(record.App, time.UnixMilli(at))
		}
	}
}

// took returns how long the newest reloads of an app took.
func (s *Scheduler) took(app string) []time.Duration {
	known := s.apps[app]
	if known == nil {
		return nil
	}
	out := make([]time.Duration, len(known.Took))
	for i, ms := range known.Took {
		out[i] = time.Duration(ms) * time.Millisecond
	}
	return out
}

// learn takes in what a run that has ended and was told says of its apps. Its
// record leaves the active ones in the same write as Learned, so nothing is learned
// twice or lost.
func (s *Scheduler) learn(run *Run) {
	for i := range run.Steps {
		step := &run.Steps[i]
		if run.Plan.Steps[i].Action != rules.Reload || len(step.Attempts) == 0 {
			continue
		}
		app := s.about(run.Plan.Steps[i].Args.App)
		s.learned[app.App] = true
		if s.limits.DailyBudget > 0 {
			s.learned[allApps] = true
		}
		if step.State != StepSucceeded {
			continue
		}
		app.Took = append(app.Took, step.lasted().Milliseconds())
		app.Took = app.Took[max(0, len(app.Took)-learnFrom):]
	}
}

// Learned returns the records of apps that changed since it was last asked, to be
// written with the ends of the runs that Told forgot.
func (s *Scheduler) Learned() []AppRecord {
	var changed []AppRecord
	for _, id := range slices.Sorted(maps.Keys(s.learned)) {
		record := *s.about(id)
		record.Took, record.Starts = slices.Clone(record.Took), slices.Clone(record.Starts)
		if id == allApps {
			record.Starts = nil // they are those of the apps
		}
		changed = append(changed, record)
	}
	clear(s.learned)
	return changed
}

// lasted is how long the step's reload took, by Qlik's clock where it says so.
func (s *StepRecord) lasted() time.Duration {
	if took := s.Result.Finished.Sub(s.Result.Created); !s.Result.Created.IsZero() && took > 0 {
		return took
	}
	return max(0, s.Ended.Sub(s.attempt().CalledAt))
}
