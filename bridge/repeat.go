package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// replayOf is the CloudEvents extension of a replayed event: the original's id.
const replayOf = "replayof"

// longestOriginal bounds how much of the original's id is in that of its repeat.
const longestOriginal = 500

// A repeat is an event on its way to the journal once more.
type repeat struct {
	arrival  events.Arrival
	targets  []events.Target
	revision uint64
}

// Letter replays one dead letter: for the tenant that its event was stored for,
// and for its rule only when it names one. Within the journal's dedupe window of
// 24 hours a letter is replayed once, however often it is asked for. The letter
// stays until it is dropped. Errors wrap ErrRefused or events.ErrNoDeadLetter.
func (r Replayer) Letter(ctx context.Context, sequence uint64) (Replayed, error) {
	letter, err := r.Dead.Get(ctx, sequence)
	if err != nil {
		return Replayed{}, err
	}
	told, again := r.prepare(letter.Entry, letter.Rule, fmt.Sprintf("dead-%d", sequence))
	if told.Result != ReplayWould {
		return told, fmt.Errorf("%w: dead letter %d: %s", ErrRefused, sequence, told.Error)
	}
	return told, r.append(ctx, &told, again)
}

// prepare makes the repeat of an event. Its result is ReplayWould unless it cannot
// be replayed; then Error says why.
func (r Replayer) prepare(entry events.Entry, rule, replay string) (Replayed, repeat) {
	told := Replayed{Sequence: entry.Sequence, Time: entry.Time, Tenant: entry.Tenant, Source: entry.Source}
	if entry.Err != nil {
		told.Result, told.Error = ReplayUndecodable, fmt.Sprintf("the event cannot be decoded: %v; have its sender send it again", entry.Err)
		return told, repeat{}
	}
	told.ID, told.Type = originalID(entry), entry.Event.Type()
	arrival, err := repeated(entry, replay)
	if err != nil {
		told.Result, told.Error = ReplayUndecodable, err.Error()
		return told, repeat{}
	}
	return r.route(told, arrival, entry.Rules, rule)
}

// route finds the rules in force that take the event and can make a plan of it.
// An event that asked for a run without a rule asks for it again.
func (r Replayer) route(told Replayed, arrival events.Arrival, had []string, rule string) (Replayed, repeat) {
	current, view := r.Revisions.Current(), arrival.View()
	routing := current.Rules.Route(view)
	if slices.Contains(had, rules.DirectRule) {
		routing = rules.Routing{Matches: []rules.Match{{Tenant: told.Tenant, Rule: rules.DirectRule}}}
	}
	again := repeat{arrival: arrival, revision: current.Number}
	told.Result, told.Error = ReplayNoMatch, unmatched(current, routing, rule)
	for _, match := range routing.Matches {
		if told.Tenant != "" && match.Tenant != told.Tenant || rule != "" && match.Rule != rule {
			continue
		}
		if _, err := planFor(current.Rules, match.Rule, view); err != nil {
			told.Result, told.Error = ReplayNoPlan, err.Error()
			continue
		}
		again.add(match)
		told.Rules = append(told.Rules, match.Rule)
	}
	if len(told.Rules) > 0 {
		told.As, told.Result, told.Error = arrival.Event.ID(), ReplayWould, ""
	}
	return told, again
}

func (r *repeat) add(match rules.Match) {
	i := slices.IndexFunc(r.targets, func(t events.Target) bool { return t.Tenant == match.Tenant })
	if i < 0 {
		i = len(r.targets)
		r.targets = append(r.targets, events.Target{Tenant: match.Tenant})
	}
	r.targets[i].Rules = append(r.targets[i].Rules, match.Rule)
}

// append stores the repeat and says whether it was there before.
func (r Replayer) append(ctx context.Context, told *Replayed, again repeat) error {
	receipt, err := r.Journal.Append(ctx, again.arrival, again.targets, again.revision)
	if err != nil {
		return err
	}
	told.Result = ReplayDone
	if receipt.Duplicate {
		told.Result = ReplayDuplicate
	}
	return nil
}

// originalID is the id of the event that an entry is, or repeats.
func originalID(entry events.Entry) string {
	original, _ := entry.Event.Extensions()[replayOf].(string)
	return cmp.Or(original, entry.Event.ID())
}

// repeated returns the event in binary mode, its data as received, under an id
// that is the same whenever the same replay meets it.
func repeated(entry events.Entry, replay string) (events.Arrival, error) {
	stream := "in"
	if entry.Tenant == "" {
		stream = "unmatched"
	}
	arrival := entry.Arrival
	arrival.Raw, arrival.ReplayID = nil, replay
	arrival.DedupeID = fmt.Sprintf("%s/%d", stream, entry.Sequence)
	original := originalID(entry)
	arrival.Event = entry.Event.Clone()
	arrival.Event.SetExtension(replayOf, original)
	arrival.FirstHop()
	if len(original) > longestOriginal {
		original = strings.ToValidUTF8(original[:longestOriginal], "")
	}
	arrival.Event.SetID(original + "/replay/" + replay)
	if err := events.Validate(arrival.Event); err != nil {
		return arrival, errors.Join(errors.New("the event cannot be repeated"), err)
	}
	return arrival, nil
}

// unmatched says why no rule, or not the one asked for, takes the event.
func unmatched(current Revision, routing rules.Routing, rule string) string {
	if rule == "" {
		return "no rule of its tenant that is in force matches the event"
	}
	if !current.Rules.Has(rule) {
		return fmt.Sprintf("the configuration has no rule %s; bring it back, or replay the time for another rule", rule)
	}
	for _, note := range slices.Concat(routing.Missing, routing.Errors) {
		if note.Rule == rule {
			return fmt.Sprintf("rule %s does not match the event: %s", rule, note.Text)
		}
	}
	return fmt.Sprintf("rule %s, as it is now, does not match the event", rule)
}
