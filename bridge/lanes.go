package bridge

import "slices"

// A lane lets one run at a time touch an app.
type lane struct {
	holder  *task
	waiting queue
	wanted  []*task // runs of several apps that wait until all of theirs are free
}

// takeLanes takes the lanes of all apps the run is known to touch, or none: then
// the run waits in the lane that was busy.
func (s *Scheduler) takeLanes(t *task) bool {
	if t.run().Lanes != nil {
		return true
	}
	apps := t.run().Plan.Apps()
	for _, app := range apps {
		if l := s.lanes[app]; l != nil && (l.holder != nil || s.barred(l, t)) {
			l.waiting.enter(t)
			s.reserve(t, apps)
			s.offer(apps)
			return false
		}
	}
	s.holdLanes(t, apps)
	return true
}

// reserve keeps the lanes of a run of several apps from runs that come much later,
// until it takes them or is withdrawn.
func (s *Scheduler) reserve(t *task, apps []string) {
	if len(apps) < 2 || s.reserved[t] != nil {
		return
	}
	s.reserved[t] = apps
	for _, app := range apps {
		if s.lanes[app] == nil {
			s.lanes[app] = &lane{}
		}
		s.lanes[app].wanted = append(s.lanes[app].wanted, t)
	}
}

// release gives up what reserve kept.
func (s *Scheduler) release(t *task) {
	for _, app := range s.reserved[t] {
		l := s.lanes[app]
		l.wanted = slices.DeleteFunc(l.wanted, func(other *task) bool { return other == t })
	}
	delete(s.reserved, t)
}

// barred says whether a free lane is kept for a run of several apps that is before
// another by more than one step of the order, Limits.Patience.
func (s *Scheduler) barred(l *lane, t *task) bool {
	return slices.ContainsFunc(l.wanted, func(other *task) bool {
		return other != t && other.rank+instant(s.limits.Patience) < t.rank
	})
}

func (s *Scheduler) holdLanes(t *task, apps []string) {
	reserved := s.reserved[t]
	s.release(t)
	defer s.offer(reserved)
	t.run().Lanes = apps
	for _, app := range apps {
		if s.lanes[app] == nil {
			s.lanes[app] = &lane{}
		}
		s.lanes[app].holder = t
	}
}

// freeLanes gives a run's lanes to those who wait for them.
func (s *Scheduler) freeLanes(t *task) {
	apps := t.run().Lanes
	t.run().Lanes = nil
	for _, app := range apps {
		if l := s.lanes[app]; l != nil && l.holder == t {
			l.holder = nil
		}
	}
	s.offer(apps)
}

// withdraw takes a run out of the queue it waits in. Where it had been offered a
// free lane, the next in that lane may try instead.
func (s *Scheduler) withdraw(t *task) {
	if t.queue == nil {
		return
	}
	t.leave()
	reserved := s.reserved[t]
	s.release(t)
	if t.run().Lanes == nil {
		s.offer(append(slices.Clone(reserved), t.run().Plan.Apps()...))
	}
}

// offer lets the first run that waits for each free lane try again.
func (s *Scheduler) offer(apps []string) {
	for _, app := range apps {
		l := s.lanes[app]
		switch {
		case l == nil || l.holder != nil:
		case len(l.waiting) == 0 && len(l.wanted) == 0:
			delete(s.lanes, app)
		case len(l.waiting) > 0 && !s.barred(l, l.waiting[0]):
			s.offered++
			s.enqueue(l.waiting[0])
		}
	}
}
