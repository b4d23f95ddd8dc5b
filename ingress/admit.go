package ingress

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// An Answer tells a sender what became of its event. Every field is about an
// event that is safe on the journal.
type Answer struct {
	ID        string   `json:"id"`                // of the CloudEvent
	Source    string   `json:"source"`            // configured source that it came through
	Matches   []string `json:"matches"`           // names of the rules that it matched
	Duplicate bool     `json:"duplicate"`         // it was stored before; it will not run twice
	Tenants   []string `json:"tenants,omitempty"` // of the rules, when they are of several
	Run       string   `json:"run,omitempty"`     // that was asked for without a rule
	Runs      []string `json:"runs,omitempty"`    // that it became part of, where that was waited for

	causes []cause
}

// Batch is the answer to a batch, in its order.
type Batch struct {
	Events []Answer `json:"events"`
}

// admit takes proven events to the journal. What cannot be stored is a *refusal;
// of a batch, events before it may be stored, and are duplicates when the batch
// is sent again. It runs on when the sender hangs up. began is when they came.
func (in *Ingress) admit(ctx context.Context, live *Live, s *source, arrivals []events.Arrival, began time.Time) ([]Answer, error) {
	if err := s.limited(time.Now()); err != nil {
		return nil, err
	}
	if err := permitted(live, arrivals); err != nil {
		return nil, err
	}
	if err := s.noteCallbacks(arrivals); err != nil {
		return nil, err
	}
	in.push(s, arrivals)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	answers := make([]Answer, 0, len(arrivals))
	for _, a := range arrivals {
		answer, err := in.store(ctx, live, a)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
		in.accepted(a, answer, began)
	}
	return answers, nil
}

// append stores an event for its targets.
func (in *Ingress) append(ctx context.Context, live *Live, a events.Arrival, targets []events.Target) (events.Receipt, error) {
	began := time.Now()
	receipt, err := in.config.Append(ctx, a, targets, live.Revision)
	if in.config.Trace != nil && err == nil {
		parent, _ := a.Trace()
		in.config.Trace(events.Hop{
			Name: events.HopJournal, Trace: parent, Began: began, Ended: time.Now(), Source: a.Source, Event: a.Event.ID(),
		})
	}
	return receipt, err
}

// accepted tells of a delivery that was stored. A first one without a trace of its
// sender's begins one.
func (in *Ingress) accepted(a events.Arrival, answer Answer, began time.Time) {
	if in.config.Trace == nil {
		return
	}
	parent, given := a.Trace()
	in.config.Trace(events.Hop{
		Name: events.HopAccept, Trace: parent, First: !given && !answer.Duplicate, Began: began, Ended: time.Now(),
		Source: a.Source, Event: answer.ID, Type: a.Event.Type(),
	})
}

// store routes one event and appends it to the journal.
func (in *Ingress) store(ctx context.Context, live *Live, a events.Arrival) (Answer, error) {
	if a.Source == RunsSource {
		return in.ask(ctx, live, a)
	}
	routing := live.Rules.Route(a.View())
	routing.Matches = append(routing.Matches, live.Sources.byName[a.Source].foreigner(a)...)
	targets, matches := events.TargetsOf(routing.Matches), rulesOf(routing.Matches)
	for _, note := range slices.Concat(routing.Missing, routing.Errors) {
		in.metrics.missing.WithLabelValues(a.Source, note.Rule).Inc()
	}
	receipt, err := in.append(ctx, live, a, targets)
	if err != nil {
		return Answer{}, unstored(err)
	}
	answer := Answer{ID: a.Event.ID(), Source: a.Source, Matches: matches, Duplicate: receipt.Duplicate}
	answer.causes = causesOf(targets, receipt.Sequences)
	if len(targets) > 1 {
		for _, target := range targets {
			answer.Tenants = append(answer.Tenants, target.Tenant)
		}
	}
	if !receipt.Duplicate {
		for _, rule := range matches {
			in.metrics.matches.WithLabelValues(a.Source, rule).Inc()
		}
	}
	return answer, nil
}

// rulesOf are the names of the rules that matched, in their order; an empty list is one,
// as senders read it.
func rulesOf(matches []rules.Match) []string {
	names := make([]string, 0, len(matches))
	for _, match := range matches {
		names = append(names, match.Rule)
	}
	return names
}

// sum is the result of a delivery of several events: the best one of them.
func sum(answers []Answer) Result {
	if len(answers) == 0 {
		return Unmatched
	}
	result := Duplicate
	for _, answer := range answers {
		if !answer.Duplicate && len(answer.Matches) > 0 {
			return Accepted
		}
		if !answer.Duplicate {
			result = Unmatched
		}
	}
	return result
}

// unstored says an error of the journal in words for the sender.
func unstored(err error) *refusal {
	r := &refusal{result: Unavailable, err: err, detail: "the event was not stored: send it again, with the same id if it has one"}
	switch {
	case errors.Is(err, events.ErrTooLarge):
		r.result, r.detail = TooLarge, "the journal takes no event of this size: send less, such as a link to the data"
	case errors.Is(err, events.ErrFull):
		r.result, r.detail = Full, "the journal holds as many events as it may: send it again later, and tell the operator"
	}
	return r
}
