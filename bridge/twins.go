package bridge

import (
	"maps"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A place is where an app is published to.
type place struct{ app, space string }

// A twin is the app that our own publish made or replaced in a place.
type twin struct {
	app string
	at  time.Time
}

// twins are those of late. Qlik's catalogue lists a published app only some time after
// it was made, and a run may have looked there before it was.
type twins map[place]twin

// note remembers what a publish made or replaced.
func (t twins) note(args rules.Args, app string, at time.Time) {
	if app == "" {
		return
	}
	for _, kept := range []time.Duration{day, time.Hour, 0} {
		if len(t) >= mostRemembered {
			maps.DeleteFunc(t, func(_ place, one twin) bool { return at.Sub(one.at) > kept })
		}
	}
	t[place{args.App, args.Space}] = twin{app, at}
}

// outdated says whether a run that would publish an app anew has to look first whether
// that is still right. Where another run has just published it, its app is replaced.
func (s *Scheduler) outdated(t *task, now time.Time) bool {
	i := t.run().current()
	step, args := &t.run().Steps[i], t.run().Plan.Steps[i].Args
	if t.want != KindCall || t.run().Plan.Steps[i].Action != rules.Publish || step.Mode != PublishNew {
		return false
	}
	known, some := s.twins[place{args.App, args.Space}]
	listed := known.at.Add(s.limits.Young) // from then on a look would show it
	switch {
	case !some, t.pursuit().sought.After(listed):
		return false // it was never there, or is there no more
	case now.Before(listed):
		step.Mode = PublishReplace
		t.run().ownPlan().Steps[i].Args.Target = known.app
		s.touch(t)
		return false
	}
	step.Mode = PublishUnknown
	s.touch(t)
	return true
}
