package bridge

import (
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// admit takes in the events that have come by now, and the outcomes that rules hear.
func (w *forecasting) admit() {
	for ; w.next < len(w.trace) && !w.trace[w.next].Event.Time.After(w.now); w.next++ {
		w.take(w.trace[w.next], 0)
	}
	for _, outcome := range w.heard {
		arrival := events.Heard(outcome)
		trigger := Trigger{Event: arrival.View()}
		for _, match := range w.rules.Route(trigger.Event).Matches {
			if match.Tenant == w.name {
				trigger.Rules = append(trigger.Rules, match.Rule)
			}
		}
		if len(trigger.Rules) > 0 {
			w.take(trigger, arrival.Hops())
		}
	}
	w.heard = nil
}

func (w *forecasting) take(trigger Trigger, hops int) {
	w.journal = append(w.journal, trigger.Event)
	cause := Cause{Sequence: uint64(len(w.journal)), ID: trigger.Event.ID, Time: w.now, Hops: hops}
	w.s.Pass(cause.Sequence)
	if hops > mostHops {
		w.Unplanned++
		return
	}
	for _, rule := range trigger.Rules {
		plan, err := planFor(w.rules, rule, trigger.Event)
		if err != nil {
			w.Unplanned++
			continue
		}
		w.trigger(cause, plan)
	}
}

// hear keeps the outcomes that rules may look at.
func (w *forecasting) hear(outcomes []events.Outcome) error {
	if !w.rules.ListensToOwn() {
		return nil
	}
	for _, outcome := range outcomes {
		event, err := outcome.CloudEvent("/qlikgateway")
		if err != nil {
			return err
		}
		w.heard = append(w.heard, event)
	}
	return nil
}

func (w *forecasting) trigger(cause Cause, plan rules.Plan) {
	w.Triggers++
	reloads := 0
	for _, step := range plan.Steps {
		if step.Action == rules.Reload && step.Turn != rules.OnFailure {
			reloads++
			w.Apps[step.Args.App]++
		}
	}
	id, opened := w.s.Admit(w.now, cause, plan)
	if opened {
		w.Runs++
	}
	if reloads > 0 {
		w.waiting[id] = append(w.waiting[id], uncovered{cause.Time, reloads})
	}
}
