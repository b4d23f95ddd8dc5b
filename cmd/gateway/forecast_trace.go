package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// A recording is a trace of events, as the tenants' dispatchers would get them.
type recording struct {
	cfg    *config
	source string // of events that name no configured one

	triggers  map[string][]bridge.Trigger // by tenant, in the order of time
	events    int
	doubles   int // known already by their source and id
	unmatched int // by any rule
	factless  int // that their source's preset does not understand
}

// identity is what makes two events of a trace one.
type identity struct{ gatewaySource, source, id string }

// read takes in a trace. Its errors name the line.
func (t *recording) read(in io.Reader) error {
	var all []rules.Event
	known := map[identity]bool{}
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			event, err := t.event(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			key := identity{event.GatewaySource, event.Source, event.ID}
			if t.events++; known[key] {
				t.doubles++
			} else {
				known[key] = true
				all = append(all, event)
			}
		}
		if err != nil {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b rules.Event) int { return a.Time.Compare(b.Time) })
	t.route(all)
	return nil
}

// event understands a line as `gateway explain` does, with the facts that the source's
// preset finds in its data.
func (t *recording) event(line []byte) (rules.Event, error) {
	arrivals, err := cloudEvent(line)
	if err != nil {
		return rules.Event{}, err
	}
	arrival := arrivals[0]
	if arrival.Event.Time().IsZero() {
		return rules.Event{}, errors.New("the event has no time")
	}
	if !slices.Contains(t.cfg.SourceNames, arrival.Source) && arrival.Source != rules.OwnSource && t.source != "" {
		arrival.Source = t.source
	}
	t.understand(&arrival)
	return arrival.View(), nil
}

// understand finds the facts of an event, which is either a delivery that its
// source reads, or has one as its data.
func (t *recording) understand(arrival *events.Arrival) {
	if !slices.Contains(t.cfg.SourceNames, arrival.Source) {
		return
	}
	for _, delivery := range []struct {
		media string
		body  []byte
	}{{"application/json", arrival.Event.Data()}, {events.MediaEvent, arrival.Raw}} {
		understood, err := t.cfg.Sources.Understand(arrival.Source, http.Header{"Content-Type": {delivery.media}}, delivery.body)
		if err == nil && len(understood) == 1 {
			arrival.Facts = understood[0].Facts
			return
		}
	}
	t.factless++
}

// route gives every event to the tenants whose rules it matches.
func (t *recording) route(all []rules.Event) {
	t.triggers = map[string][]bridge.Trigger{}
	for _, event := range all {
		matches := t.cfg.Rules.Route(event).Matches
		if len(matches) == 0 {
			t.unmatched++
		}
		last := map[string]int{}
		for _, match := range matches {
			list := t.triggers[match.Tenant]
			if i, known := last[match.Tenant]; known {
				list[i].Rules = append(list[i].Rules, match.Rule)
				continue
			}
			last[match.Tenant] = len(list)
			t.triggers[match.Tenant] = append(list, bridge.Trigger{Event: event, Rules: []string{match.Rule}})
		}
	}
}

// began is when the first event came that any rule matches; the zero time when none is.
func (t *recording) began() time.Time {
	var began time.Time
	for _, list := range t.triggers {
		if at := list[0].Event.Time; began.IsZero() || at.Before(began) {
			began = at
		}
	}
	return began
}
