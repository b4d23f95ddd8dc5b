package bridge

import (
	"slices"
	"time"
)

// askToPause is what a person asks for who wants nothing to begin for a while.
func (w *world) askToPause() {
	s, now := w.live.s, w.live.now()
	if held := s.Pauses(); len(held) > 0 && w.chance(2) {
		p := held[w.IntN(len(held))]
		if err := s.Resume(now, p.Of, p.Name); err != nil {
			w.violated("pause", "resume %s: %v", p.Words(), err)
		}
		return
	}
	plan := w.plans[w.IntN(len(w.plans))]
	p := []Pause{
		{Of: PauseTenant}, {Of: PauseRule, Name: plan.Rule}, {Of: PauseApp, Name: plan.Steps[0].Args.App}, {Of: PauseBreaker},
	}[w.IntN(4)]
	if w.chance(2) {
		p.Until = now.Add(time.Second + w.seconds(300))
	}
	if err := s.Pause(now, p); err != nil && p.Name != "" {
		w.violated("pause", "pause %s: %v", p.Words(), err)
	}
}

// inForce are the pauses of the ledger whose time is not up.
func (p *process) inForce() []Pause {
	return slices.DeleteFunc(slices.Clone(p.w.pauses), func(pause Pause) bool { return !pause.Until.IsZero() && !pause.Until.After(p.now()) })
}

// allowed holds that nothing begins that is paused, by what the ledger says.
func (p *process) allowed(command Command) {
	if p.epoch != p.w.epoch {
		return
	}
	for _, pause := range p.inForce() {
		starts := command.Kind == KindCall || command.Kind == KindFind
		switch {
		case pause.Of == PauseBreaker && command.calls():
			p.w.violated("I7", "%s though an operator holds the breaker open", command.Kind)
		case !starts:
		case pause.Of == PauseTenant, pause.Of == PauseRule && pause.Name == command.Rule:
			p.w.violated("pause", "%s of %s is called though it is paused: %s", command.Kind, owner(command), pause.Words())
		case pause.Of == PauseApp && slices.Contains(p.w.active[command.Run].Plan.Apps(), pause.Name):
			p.w.violated("pause", "%s of %s is called though its app is paused: %s", command.Kind, owner(command), pause.Words())
		}
	}
}

// pausedTask says whether a run waits for a pause to end, and the pause is there.
func (w *world) pausedTask(t *task) bool {
	_, paused := w.live.s.pauseOf(t)
	return paused && !t.run().PausedAt.IsZero()
}
